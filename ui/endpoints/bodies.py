"""The answer to a request that is not what its address takes, such as a body without values: one sentence, in the place
of the web framework's list of what it missed."""

import json

from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse

from diffusion.errors import InputError

BY_NAME = "/call/v2/"
EXAMPLES = {True: {"label": "7", "num_images": 4}, False: {"data": ["7", 4]}}  # by name, and in order


async def refuse_body(request: Request, error: Exception) -> JSONResponse:
    """For FastAPI's ``exception_handlers``: a 422 with the sentence as its "detail"."""
    assert isinstance(error, RequestValidationError)
    named = [part for part in error.errors()[0]["loc"] if isinstance(part, str)]
    example = json.dumps(EXAMPLES[BY_NAME in request.url.path])
    refused = InputError("page.body", given=named[-1], example=example)
    return JSONResponse({"detail": str(refused)}, 422)


HANDLERS = {RequestValidationError: refuse_body}
