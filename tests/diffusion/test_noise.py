import torch

from diffusion.noise import ImageNoise


def test_noise_belongs_to_the_image():
    together, alone = ImageNoise(3, 4, (1, 5, 5)), ImageNoise(3, 1, (1, 5, 5), first_index=2)
    for _ in range(3):
        assert torch.equal(together()[2], alone()[0])
    samples = ImageNoise(0, 400, (1, 8, 8))()
    assert abs(samples.mean()) < 0.03
    assert abs(samples.std() - 1) < 0.03
    assert len({tuple(image.flatten()[:4].tolist()) for image in samples}) == 400
