import pytest
import torch
from pydantic import ValidationError

from diffusion.networks import build_network
from diffusion.networks.unet import UNetConfig

SETTINGS = {
    "plain": {"channels": (16,), "attention": (False,)},
    "patch": {"patch": 2, "channels": (16, 24), "attention": (False, True), "head_channels": 8},
    "deep": {
        "channels": (8, 16, 32),
        "attention": (False, True, True),
        "head_channels": 8,
        "blocks": 1,
        "dropout": 0.1,
    },
}


def network(name, channels=1, num_classes=10):
    torch.manual_seed(0)
    return build_network(UNetConfig(**SETTINGS[name]), channels, num_classes).eval()


def woken(net):
    """As after some training: what starts at zero gets weights."""
    with torch.no_grad():
        for parameter in net.parameters():
            if not parameter.any():
                parameter.normal_(std=0.05)
    return net


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("height", "width"), [(28, 28), (8, 20)])
def test_shapes_and_a_fresh_output_of_zero(name, channels, height, width):
    x = torch.randn(2, channels, height, width)
    out = network(name, channels)(x, torch.tensor([3.0, 900.0]), torch.tensor([1, 10]))
    assert out.shape == x.shape
    assert (out == 0).all()


@pytest.mark.parametrize("name", SETTINGS)
def test_output_depends_on_x_on_t_and_on_the_label(name):
    net, x, t, y = woken(network(name)), torch.randn(2, 1, 28, 28), torch.tensor([3.0, 900.0]), torch.tensor([1, 2])
    out = net(x, t, y)
    for other in (net(x + 0.1, t, y), net(x, t + 50, y), net(x, t, y + 1)):
        assert (out - other).abs().max() > 1e-4


def test_no_label_is_the_null_label():
    net, x, t = woken(network("patch")), torch.randn(2, 1, 28, 28), torch.tensor([3.0, 900.0])
    torch.testing.assert_close(net(x, t), net(x, t, torch.tensor([10, 10])))
    unconditional = woken(network("patch", num_classes=0))
    assert unconditional(x, t).shape == x.shape


@pytest.mark.parametrize("name", SETTINGS)
def test_gradients_reach_every_parameter(name):
    net = woken(network(name)).train()
    net(torch.randn(4, 1, 28, 28), torch.rand(4) * 999, torch.tensor([0, 3, 7, 10])).square().mean().backward()
    for key, parameter in net.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.abs().sum() > 0, key


def test_images_of_a_batch_do_not_touch_each_other():
    net, x, t, y = woken(network("deep")), torch.randn(3, 1, 28, 28), torch.rand(3) * 999, torch.tensor([0, 5, 10])
    together = net(x, t, y)
    for i in range(3):
        torch.testing.assert_close(
            net(x[i : i + 1], t[i : i + 1], y[i : i + 1]), together[i : i + 1], rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"attention": (True,)}, "one entry for each"),
        ({"channels": (16, 24), "attention": (False, True), "head_channels": 32}, "must divide"),
        ({"channels": (4096,), "attention": (False,)}, "less than or equal to 1024"),
        ({"channels": ()}, "at least 1"),
        ({"blocks": 10**9}, "less than or equal to 8"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_impossible_or_huge_settings_are_refused(settings, complaint):
    with pytest.raises(ValidationError, match=complaint):
        UNetConfig(**settings)
