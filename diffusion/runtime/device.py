"""The device that a model computes on."""

import torch

from diffusion.errors import InputError


def default_device() -> torch.device:
    """The accelerator where there is one, else the CPU."""
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    return accelerator or torch.device("cpu")


def checked_device(name: str | None) -> torch.device | None:
    """The device by name, tried out; None for None. Raises InputError."""
    if name is None:
        return None
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, ImportError) as error:  # one of them where it is not built in or not there
        reason = str(error).splitlines()[0]
        raise InputError("command.device", setting="device", given=name, reason=reason) from None
    return device
