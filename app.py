"""Serve the demo: python app.py [--model REF] [--host H] [--port P] [--share] [--mcp]

On Hugging Face Spaces this file is what is started. The variables GRADIO_SERVER_NAME, GRADIO_SERVER_PORT,
GRADIO_MCP_SERVER and DIGIT_DIFFUSION_MODEL stand for --host, --port, --mcp and --model where these are not given.
DIGIT_DIFFUSION_PRECISION, fp32 or bf16, decides in which precision models draw; else that is measured.
DIGIT_DIFFUSION_MAX_WORK and DIGIT_DIFFUSION_MAX_MEMORY bound what one visitor may take (ui/hosting/limits.py).
"""

import atexit
import gc
import os
import sys
import threading
from typing import NoReturn

from diffusion.runtime.printing import keep_printing
from ui.hosting.gradio_stubs import leave_stubs_alone
from ui.hosting.starting import HOST, PORT, check_port_is_free, checked_host, checked_port, tidy_environment

keep_printing()  # whoever reads it, or has gone
GIVEN = tidy_environment()  # before Gradio is imported
leave_stubs_alone()

import ui.hosting.zero_gpu  # noqa: E402, F401  (on ZeroGPU "spaces" has to be imported before torch touches CUDA)
from diffusion.errors import InputError  # noqa: E402
from diffusion.runtime.command_line import Parser  # noqa: E402

SESSIONS = 500  # visitors and plain HTTP calls that Gradio remembers, at 120 KB each; its default would be 1.2 GB
EVENTS = 500  # of the page that are under way at the same time: most wait, without a thread of the page's own


def main(arguments: list[str] | None = None) -> None:
    """Parse, build, serve until interrupted."""
    parser = Parser(prog="app.py", description="Watch a diffusion model turn noise into digits, in the browser.")
    parser.add_argument("--model", metavar="REF", help="a bundled name, a path, or hub:owner/name (default: unet)")
    parser.add_argument("--host", help="the address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", help="the port to listen on (default: 7860, or the next free one)")
    parser.add_argument("--share", action="store_true", help="also open a public link through gradio.live")
    parser.add_argument("--mcp", action="store_true", help="also be an MCP server, whose tools are those of the API")
    options = parser.parse_args(arguments)
    try:
        text, name = (GIVEN[PORT], PORT) if options.port is None else (options.port, "--port")
        port, host = checked_port(text, name), checked_host(GIVEN[HOST] if options.host is None else options.host)
        check_port_is_free(host, port, name)
    except InputError as error:
        parser.error(str(error))

    # only now what takes seconds to import: help and refusals come at once
    from diffusion.runtime import configure
    from diffusion.runtime.threads import use_one_core
    from ui.app import build
    from ui.endpoints.tools import offer_tools
    from ui.engine import FALLBACK, Engine
    from ui.gradio_workarounds import check_ourselves_directly, make_sessions_quickly, need_no_folder
    from ui.hosting.connections import bound_connections, connections, raise_file_limit
    from ui.hosting.door import quieten
    from ui.hosting.freed_memory import return_freed_memory
    from ui.static import launch_options

    configure()
    use_one_core(main_thread=True)  # all cores are for the thread that computes
    bound_connections(connections(raise_file_limit()))
    check_ourselves_directly()
    make_sessions_quickly()
    need_no_folder()
    return_freed_memory()
    quieten("uvicorn.error", "asyncio", "ui.hosting.event_queue")
    mcp = options.mcp or os.environ.get("GRADIO_MCP_SERVER", "").lower() == "true"
    try:
        if mcp:
            offer_tools()
        engine = Engine(options.model or os.environ.get("DIGIT_DIFFUSION_MODEL") or FALLBACK)
        # What has been imported and built by then stays. Each garbage collection that went through all of it, as
        # visitors' models come and go, would hold up everybody for a good part of a second.
        blocks = build(engine, prepared=gc.freeze)
    except InputError as error:
        parser.error(str(error))
    try:
        blocks.launch(
            server_name=host,
            server_port=port,
            share=options.share,
            mcp_server=mcp,
            **launch_options(lambda: engine.places.waiting),
            footer_links=["api"],
            ssr_mode=False,  # a second server, in Node, would only slow the start
            enable_monitoring=False,
            run_history=False,
            max_threads=EVENTS,
            max_file_size="1kb",  # nothing here takes an upload
            state_session_capacity=SESSIONS,
        )
    except (OSError, OverflowError, ValueError) as error:
        parser.error(str(error))


def leave(code: int) -> NoReturn:
    """End the process as it stands. Threads are still computing, and while Python takes itself down it would abort at
    the first that comes back from torch ("terminate called without an active exception")."""
    atexit._run_exitfuncs()  # such as those that close a public link
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


# "gradio app.py" executes this file again, in another thread
if __name__ == "__main__" and threading.current_thread() is threading.main_thread():
    try:
        main()
    except KeyboardInterrupt:  # before the page was up; later, Gradio takes it
        leave(130)
    except SystemExit as refused:  # with its sentence said, or after --help
        leave(int(refused.code or 0))
    if not sys.flags.interactive:  # with "python -i app.py" the page is up, beside the prompt
        leave(0)
