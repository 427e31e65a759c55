"""A server for the idle measurement: ``python benchmarks/idle_server.py ours|gradio PORT``."""

import sys
from pathlib import Path


def main() -> None:
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    import ui.app
    from ui.engine import Engine
    from ui.static import launch_options

    if sys.argv[1] == "gradio":
        ui.app.poll_queue_less = lambda blocks: None
    ui.app.build(Engine()).launch(server_port=int(sys.argv[2]), ssr_mode=False, **launch_options(lambda: 0))


if __name__ == "__main__":
    main()
