"""Presets: one row each. ``model`` holds fields of ``ModelConfig``, ``training`` fields of ``TrainConfig``.

The size, the channels and the label names of a model come from the data set it is trained on, and with the size what
hangs on it (``train.config.preset_model``).

    preset          the system it is
    unet            the default: the best digits in a blink on two cores
    score-unet      score SDE: VE noise sigma^t, Fourier time features, spatial transformer, Euler-Maruyama
    cross-unet      a U-Net that is told the label by cross-attention, at every level and in the middle
    ddpm-rgb        the minimal DDPM on RGB images: 1000 linear betas, a scalar time MLP, no labels
    dit             a diffusion transformer without labels
    dit-cross       a diffusion transformer whose blocks cross-attend to the label, for classifier-free guidance
    guided-unet     guided-diffusion's U-Net: residual resampling, scale-shift norm, learned range of variances
    classifier      guided-diffusion's classifier of noisy images, with attention pooling: steers what is trained on
                    the same process, as dit
    super-resolution  a U-Net that also sees a small image, and enlarges it four times
    frequency-unet  a Fourier branch in every residual block
    speedrun        a small U-Net that learns as much as one minute allows
    turbo           the default distilled to two steps, the guidance scale an input: needs --teacher
"""

from typing import Any

UNET = {"kind": "unet", "patch": 2, "blocks": 1}
MNIST = {"dataset": "mnist", "minutes": 15, "batch_size": 32, "learning_rate": 3e-3}
MARGIN = 0.1  # of black: clears the haze that the last step leaves
LINEAR, COSINE = {"kind": "linear_vp"}, {"kind": "cosine_vp"}

PRESETS: dict[str, dict[str, Any]] = {
    "unet": {
        "model": {
            "title": "U-Net",
            "description": "The default: a small U-Net that predicts v on the cosine schedule.",
            "black_margin": MARGIN,
            "process": COSINE,
            "prediction": "v",
            "network": UNET | {"channels": (64, 96), "attention": (False, True)},
            "sampler": "unipc",
            "steps": 14,
            "guidance_scale": 1.7,
            "guidance_t_min": 0.4,  # where the digit is decided: 6 of the 14 steps, so 20 evaluations of the network
            "guidance_t_max": 0.8,
            "guidance_power": 2.0,
        },
        # after 5 minutes 98.2% of 2,000 digits are right; in batches of 32, at 3e-3, 97.8%: they see fewer images
        "training": MNIST | {"batch_size": 64, "learning_rate": 4.2e-3},
    },
    "score-unet": {
        "model": {
            "title": "Score U-Net",
            "description": "A score model on exploding noise with spatial transformers, drawn by Euler–Maruyama.",
            "process": {"kind": "exponential_ve", "s": 25.0},
            "prediction": "score",
            "network": UNET
            | {"channels": (40, 64), "attention": (False, "transformer"), "head_channels": 16, "time": "fourier"},
            "sampler": "euler_maruyama",
            "steps": 500,
            "guidance_scale": 2.0,
        },
        "training": MNIST,
    },
    "cross-unet": {
        "model": {
            "title": "Cross-attention U-Net",
            "description": "Self- and cross-attention to the label's tokens at every level and in the middle.",
            "process": COSINE,
            "prediction": "v",
            "network": UNET
            | {
                "channels": (32, 64),
                "attention": ("self_cross", "self_cross"),
                "head_channels": 16,
                "order": "conv_first",
                "scale_shift": False,
                "resample": "transposed",
            },
            "sampler": "ddim",
            "steps": 25,
            "guidance_scale": 4.0,
        },
        "training": MNIST,
    },
    "ddpm-rgb": {
        "model": {
            "title": "DDPM on colour images",
            "description": "The minimal DDPM, on CIFAR-10, without labels.",
            "process": LINEAR,
            "prediction": "eps",
            "network": UNET
            | {
                "channels": (48, 64, 96),
                "attention": (False, False, False),
                "time": "scalar",
                "order": "conv_first",
                "scale_shift": False,
            },
            "sampler": "ddpm",
            "steps": 250,
        },
        "training": MNIST | {"dataset": "cifar10", "conditional": False, "minutes": 60},
    },
    "dit": {
        "model": {
            "title": "DiT",
            "description": "A diffusion transformer that knows no labels: it draws any digit.",
            "process": COSINE,
            "prediction": "v",
            "network": {"kind": "dit", "patch": 4, "width": 128, "depth": 6, "heads": 4},
            "sampler": "unipc",
            "steps": 25,
            "skip_scale": 3.0,  # no label to guide by: it is guided away from itself without its middle block
            "guidance_t_min": 0.3,
            "guidance_t_max": 0.9,
        },
        "training": MNIST | {"minutes": 30, "learning_rate": 6e-3, "conditional": False},
    },
    "dit-cross": {
        "model": {
            "title": "DiT with cross-attention",
            "description": "A diffusion transformer whose blocks cross-attend to the label's tokens.",
            "process": COSINE,
            "prediction": "v",
            "network": {"kind": "dit", "patch": 4, "width": 128, "depth": 5, "heads": 4, "condition": "cross"},
            "sampler": "ddim",
            "steps": 25,
            "guidance_scale": 3.0,
        },
        "training": MNIST | {"minutes": 30, "learning_rate": 6e-3},
    },
    "guided-unet": {
        "model": {
            "title": "Guided-diffusion U-Net",
            "description": "Residual resampling, scale-shift norm and a learned range of variances, drawn by DDPM.",
            "process": COSINE,
            "prediction": "x0",
            "variance": "learned_range",
            "network": UNET
            | {
                "channels": (48, 80),
                "attention": (False, True),
                "head_channels": 20,
                "resample": "residual",
                "qkv_order": "heads_first",
                "dropout": 0.05,
            },
            "sampler": "ddpm",
            "steps": 25,
            "guidance_scale": 2.0,
        },
        "training": MNIST | {"loss": "rescaled_mse"},
    },
    "classifier": {
        "model": {
            "title": "Classifier of noisy images",
            "description": "Reads digits at every noise level, and so steers models of the cosine process, as DiT.",
            "process": COSINE,
            "network": {"kind": "unet_encoder", "patch": 2, "blocks": 1}
            | {
                "channels": (48, 96),
                "attention": (False, True),
                "head_channels": 32,
                "resample": "residual",
                "pool": "attention",
            },
        },
        "training": MNIST | {"loss": "cross_entropy", "label_dropout": 0.0, "weight_decay": 0.05},
    },
    "super-resolution": {
        "model": {
            "title": "Super-resolution U-Net",
            "description": "Draws what a digit of 7x7 pixels may have been at 28x28.",
            "process": COSINE,
            "prediction": "v",
            "network": UNET
            | {"channels": (48, 80), "attention": (False, True), "head_channels": 20, "low_res": "bilinear"},
            "sampler": "ddim",
            "steps": 20,
        },
        "training": MNIST | {"conditional": False},
    },
    "frequency-unet": {
        "model": {
            "title": "Frequency U-Net",
            "description": "The default's process with a Fourier branch in every residual block.",
            "process": COSINE,
            "prediction": "v",
            "network": UNET
            | {"channels": (48, 80), "attention": (False, True), "head_channels": 20, "fourier_branch": True},
            "sampler": "ddim",
            "steps": 20,
            "guidance_scale": 3.0,
        },
        "training": MNIST,
    },
    "speedrun": {
        "model": {
            "title": "Speedrun",
            "description": "What a third of the default's network learns in one minute.",
            "black_margin": MARGIN,
            "process": COSINE,
            "prediction": "v",
            "network": UNET | {"channels": (32, 64), "attention": (False, True)},
            "sampler": "unipc",
            "steps": 10,
            "guidance_scale": 3.0,  # the shorter the training, the more the label must be underlined
        },
        "training": MNIST | {"minutes": 1, "learning_rate": 4e-3},
    },
    "turbo": {
        "model": {
            "title": "Turbo",
            "description": "The default distilled to two steps, in one pass each: the guidance scale is an input.",
            "black_margin": MARGIN,
            "process": COSINE,
            "prediction": "v",
            # the default's without its attention, its middle and three of its four skips: a third of its time
            "network": UNET
            | {
                "channels": (64, 96),
                "attention": (False, False),
                "middle": False,
                "skip_per": "level",
                "max_guidance": 4.0,
            },
            "sampler": "turbo",
            "steps": 2,
            "guidance_scale": 2.0,
        },
        "training": MNIST | {"loss": "distillation", "minutes": 25, "batch_size": 16, "learning_rate": 1e-3},
    },
}
