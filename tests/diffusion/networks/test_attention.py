import pytest
import torch

from diffusion.networks import recorded_attention
from diffusion.networks.attention import (
    SHORT,
    CrossAttention,
    SelfAttention,
    SpatialTransformer,
    TokenAttention,
    attention,
    attention_maps,
    split_qkv,
    to_pixels,
    to_tokens,
)
from tests.diffusion.networks.samples import DENOISERS, ENCODERS, build, times, woken


def plain(q, k, v):
    """softmax(Q K^T / sqrt(d)) V of one head, (L, d), number by number."""
    scores = (q @ k.T) / q.shape[1] ** 0.5
    weights = scores.exp() / scores.exp().sum(dim=1, keepdim=True)
    return weights @ v


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_both_layouts_of_qkv_are_guided_diffusions():
    n, heads, d, length = 2, 3, 4, 5
    qkv = torch.randn(n, 3 * heads * d, length)
    for image in range(n):
        for head in range(heads):
            q, k, v = (part[image, head] for part in split_qkv(qkv, heads, "qkv_first"))
            for number, part in enumerate((q, k, v)):  # all of Q, all of K, all of V
                start = number * heads * d + head * d
                assert torch.equal(part, qkv[image, start : start + d].T)
            q, k, v = (part[image, head] for part in split_qkv(qkv, heads, "heads_first"))
            for number, part in enumerate((q, k, v)):  # one head's Q, K and V, then the next head's
                start = head * 3 * d + number * d
                assert torch.equal(part, qkv[image, start : start + d].T)


@pytest.mark.parametrize("length", [SHORT, SHORT + 1])
def test_short_and_long_sequences_are_attended_to_by_the_same_formula(length):
    q, k, v = torch.randn(2, 3, 5, 4), torch.randn(2, 3, length, 4), torch.randn(2, 3, length, 4)
    attended = attention(q, k, v)
    for image in range(2):
        for head in range(3):
            expected = plain(q[image, head], k[image, head], v[image, head])
            torch.testing.assert_close(attended[image, head], expected)


@pytest.mark.parametrize("order", ["qkv_first", "heads_first"])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_self_attention_is_plain_attention_head_by_head(order, layout):
    n, c, heads, h, w = 2, 16, 4, 3, 5
    layer = woken(SelfAttention(c, heads, groups=4, order=order))
    x = torch.randn(n, c, h, w).to(memory_format=layout)
    normed = torch.nn.functional.group_norm(x, 4, layer.norm.weight, layer.norm.bias)
    weight, out_weight = layer.qkv.weight[:, :, 0, 0], layer.out.weight[:, :, 0, 0]
    for image in range(n):
        rows = normed[image].reshape(c, h * w).T @ weight.T + layer.qkv.bias  # (HW, 3C)
        d = c // heads
        if order == "qkv_first":
            parts = [[rows[:, p * c + i * d :][:, :d] for p in range(3)] for i in range(heads)]
        else:
            parts = [[rows[:, (3 * i + p) * d :][:, :d] for p in range(3)] for i in range(heads)]
        attended = torch.cat([plain(*qkv) for qkv in parts], dim=1) @ out_weight.T + layer.out.bias
        torch.testing.assert_close(layer(x)[image], x[image] + attended.T.reshape(c, h, w), rtol=1e-4, atol=1e-5)


def test_queries_come_from_the_image_and_keys_and_values_from_the_context():
    n, c, heads, h, w, tokens, width = 2, 16, 2, 3, 4, 5, 6
    layer = woken(CrossAttention(c, heads, width))
    inner, d = layer.attention, c // heads
    x, context = torch.randn(n, c, h, w), torch.randn(n, tokens, width)
    pixels = layer.norm(x).reshape(n, c, h * w).transpose(1, 2)
    for image in range(n):
        q = pixels[image] @ inner.q.weight.T + inner.q.bias
        kv = context[image] @ inner.kv.weight.T + inner.kv.bias
        k, v = kv[:, :c], kv[:, c:]
        parts = [plain(q[:, i * d :][:, :d], k[:, i * d :][:, :d], v[:, i * d :][:, :d]) for i in range(heads)]
        attended = torch.cat(parts, dim=1) @ inner.out.weight.T + inner.out.bias
        torch.testing.assert_close(
            layer(x, context)[image], x[image] + attended.T.reshape(c, h, w), rtol=1e-4, atol=1e-5
        )


def test_tokens_attend_to_themselves_without_a_context():
    layer, x = TokenAttention(8, 2), torch.randn(1, 6, 8)
    assert not layer.crosses
    k, v = layer.kv(x)[0].chunk(2, dim=1)
    attended = torch.cat([plain(layer.q(x)[0, :, i : i + 4], k[:, i : i + 4], v[:, i : i + 4]) for i in (0, 4)], dim=1)
    torch.testing.assert_close(layer(x)[0], layer.out(attended), rtol=1e-4, atol=1e-5)


def test_attention_to_a_single_token_is_the_same_for_every_pixel():
    layer = woken(CrossAttention(16, 2, 8))
    x = torch.randn(1, 16, 3, 3)
    added = layer(x, torch.randn(1, 1, 8)) - x
    torch.testing.assert_close(added, added[:, :, :1, :1].expand_as(added), rtol=1e-4, atol=1e-5)
    added = layer(x, torch.randn(1, 4, 8)) - x
    assert (added - added[:, :, :1, :1]).abs().max() > 1e-3


def test_a_transformer_is_its_three_residuals():
    layer, x, context = woken(SpatialTransformer(16, 2, 8)), torch.randn(2, 16, 3, 4), torch.randn(2, 4, 8)
    tokens = x.reshape(2, 16, 12).transpose(1, 2)
    tokens = tokens + layer.attention(layer.norm1(tokens))
    tokens = tokens + layer.cross(layer.norm2(tokens), context)
    hidden = torch.nn.functional.gelu(layer.mlp[0](layer.norm3(tokens)), approximate="tanh")
    tokens = tokens + layer.mlp[2](hidden)
    torch.testing.assert_close(layer(x, context), tokens.transpose(1, 2).reshape(2, 16, 3, 4))
    fresh = SpatialTransformer(16, 2, 8)
    assert torch.equal(fresh(x, context), x)


def test_pixels_become_tokens_row_by_row_and_come_back():
    x = torch.arange(12.0).view(1, 2, 2, 3)
    assert to_tokens(x)[0].tolist() == [[0, 6], [1, 7], [2, 8], [3, 9], [4, 10], [5, 11]]
    assert torch.equal(to_pixels(to_tokens(x), x), x)


def test_maps_are_the_softmax():
    q, k, v = torch.randn(2, 3, 5, 4), torch.randn(2, 3, 7, 4), torch.randn(2, 3, 7, 4)
    maps = attention_maps(q, k)
    assert maps.shape == (2, 3, 5, 7)
    torch.testing.assert_close((maps @ v)[1, 2], plain(q[1, 2], k[1, 2], v[1, 2]))


@pytest.mark.parametrize("name", ["self-cross", "cross", "transformer", "dit-cross"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_recorded_maps_sum_to_one_and_leave_the_output_untouched(name, dtype):
    network = woken(build(DENOISERS[name])).to(dtype)
    tokens = network.config.context_tokens
    x, t, y = torch.randn(2, 1, 12, 12), times(network, 2), torch.tensor([3, 10])
    before = network(x, t, y)
    with torch.no_grad(), recorded_attention(network) as maps:
        assert torch.equal(network(x, t, y), before)
        network(x, t, y.flip(0))
    assert torch.equal(network(x, t, y), before)
    assert maps
    sizes = set()
    for name, (first, second) in maps.items():
        assert name in dict(network.named_modules())
        assert first.dtype == torch.float32
        assert first.shape[0] == 2
        assert first.shape[3] == tokens
        sizes.add(first.shape[2])
        torch.testing.assert_close(first.sum(dim=3), torch.ones(first.shape[:3]))
        assert (first - second).abs().max() > 1e-4  # they depend on the label
    assert sizes <= {144, 36}


def test_a_recording_ends_and_a_network_without_context_has_none():
    network = woken(build(DENOISERS["cross"]))
    x, t = torch.randn(1, 1, 12, 12), torch.tensor([500.0])
    with recorded_attention(network) as maps:
        network(x, t)
    network(x, t)
    assert {len(calls) for calls in maps.values()} == {1}
    for settings in (DENOISERS["deep"], DENOISERS["dit"], ENCODERS["adaptive"]):
        with recorded_attention(build(settings)) as maps:
            assert maps == {}
