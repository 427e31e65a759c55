"""Serve the demo: python app.py [--model REF] [--host H] [--port P] [--share]

On Hugging Face Spaces this file is what is started. The variables GRADIO_SERVER_NAME, GRADIO_SERVER_PORT and
DIGIT_DIFFUSION_MODEL stand for --host, --port and --model where these are not given. DIGIT_DIFFUSION_PRECISION, fp32
or bf16, decides in which precision models draw; else that is measured.
"""

import argparse
import atexit
import os
import sys
from typing import NoReturn

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # no telemetry; both read it when they are imported
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import ui.zero_gpu  # noqa: F401  (on ZeroGPU "spaces" has to be imported before torch touches CUDA)
from diffusion.runtime.command_line import Parser

SESSIONS = 500  # visitors and plain HTTP calls that Gradio remembers, at 120 KB each; its default would be 1.2 GB


def port(text: str) -> int:
    """A TCP port, for argparse."""
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: a whole number from 1 to 65535")
    return int(text)


def main(arguments: list[str] | None = None) -> None:
    """Parse, build, serve until interrupted."""
    parser = Parser(prog="app.py", description="Watch a diffusion model turn noise into digits, in the browser.")
    parser.add_argument("--model", metavar="REF", help="a bundled name, a path, or hub:owner/name (default: unet)")
    parser.add_argument("--host", help="the address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=port, help="the port to listen on (default: 7860, or the next free one)")
    parser.add_argument("--share", action="store_true", help="also open a public link through gradio.live")
    options = parser.parse_args(arguments)

    # only now what takes seconds to import: help and refusals come at once
    from diffusion.errors import InputError
    from diffusion.runtime import configure
    from diffusion.runtime.threads import use_one_core
    from ui.app import build
    from ui.engine import FALLBACK, Engine
    from ui.static import launch_options

    configure()
    use_one_core(main_thread=True)  # all cores are for the thread that computes
    try:
        engine = Engine(options.model or os.environ.get("DIGIT_DIFFUSION_MODEL") or FALLBACK)
        blocks = build(engine)
    except InputError as error:
        parser.error(str(error))
    try:
        blocks.launch(
            server_name=options.host,
            server_port=options.port,
            share=options.share,
            **launch_options(),
            footer_links=["api"],
            ssr_mode=False,  # a second server, in Node, would only slow the start
            enable_monitoring=False,
            run_history=False,
            max_file_size="1kb",  # nothing here takes an upload
            state_session_capacity=SESSIONS,
        )
    except OSError as error:
        parser.error(str(error))


def leave(code: int) -> NoReturn:
    """End the process as it stands. Threads are still computing, and while Python takes itself down it would abort at
    the first that comes back from torch ("terminate called without an active exception")."""
    atexit._run_exitfuncs()  # such as those that close a public link
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:  # before the page was up; later, Gradio takes it
        leave(130)
    except SystemExit as refused:  # with its sentence said, or after --help
        leave(int(refused.code or 0))
    leave(0)
