"""The endpoints as the tools of an MCP server (``python app.py --mcp``), for programs in which a language model decides
what to call. Gradio makes the server; what it does otherwise than a tool should is here, each with the reason."""

import json
from base64 import b64encode
from importlib.util import find_spec
from typing import Any

from anyio.to_thread import run_sync
from gradio import mcp, processing_utils

from diffusion.errors import InputError
from ui.endpoints.results import RESULTS


class Tools(mcp.GradioMCPServer):
    """The MCP server of an app all of whose endpoints return a picture and what is known of it."""

    def create_mcp_server(self) -> Any:
        """Values are checked by the endpoints. Reason: "7 is greater than the maximum of 1" says neither of what nor
        what to do, and a 7 in place of "7", or a null, would be refused."""

        class Unchecked(self.Server):  # type: ignore[name-defined,misc]
            def call_tool(self) -> Any:
                return super().call_tool(validate_input=False)

        self.Server = Unchecked
        return super().create_mcp_server()

    def get_input_schema(self, tool_name: str, parameters: dict[str, str] | None = None) -> tuple[dict[str, Any], Any]:
        """With every default. Reason: Gradio leaves out zeros."""
        schema, files = super().get_input_schema(tool_name, parameters)
        for each in self.api_info["named_endpoints"][self.tool_to_endpoint[tool_name]]["parameters"]:
            if each["parameter_default"] not in (None, ""):
                schema["properties"][each["parameter_name"]]["default"] = each["parameter_default"]
        return schema, files

    def _prepare_tool_call_args(
        self, name: str, arguments: dict[str, Any]
    ) -> tuple[str, list[Any], dict[str, str], Any]:
        """With the caller's address. Reason: Gradio calls the endpoint by a request to itself, which passes on what
        the caller says of where it comes from."""
        known = self.get_input_schema(name)[0]["properties"] if name in self.tool_to_endpoint else arguments
        for given in arguments:
            if given not in known:
                raise InputError("settings.unknown", given=given, known=list(known))
        endpoint, values, headers, function = super()._prepare_tool_call_args(name, arguments)
        caller = getattr(self.mcp_server.request_context.request, "client", None)
        return endpoint, values, headers | {"x-forwarded-for": caller.host if caller else ""}, function

    async def _execute_tool_without_progress(self, job: Any) -> list[Any]:
        """Reason: Gradio takes two results for one, and writes both as text."""
        return list(await run_sync(job.result))

    def postprocess_output_data(self, data: Any, root_url: str) -> list[Any]:
        """The picture, with the settings in it, and the rest as JSON. Reason: Gradio writes the picture anew, without
        them, and the rest as Python."""
        picture, about = processing_utils.add_root_url(data, root_url, None)
        image = b64encode(RESULTS.get(picture["path"]) or b"").decode()
        return [
            self.types.ImageContent(type="image", data=image, mimeType="image/png"),
            self.types.TextContent(type="text", text=json.dumps(about)),
            self.types.TextContent(type="text", text=f"Image URL: {picture['url']}"),
        ]


def offer_tools() -> None:
    """Let the app that is launched next be an MCP server, too. Raises InputError without the package that it needs."""
    if find_spec("mcp") is None:
        raise InputError("page.mcp")
    mcp.GradioMCPServer = Tools  # type: ignore[misc]
