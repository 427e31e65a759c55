"""Presets: one row each. ``model`` holds fields of ``ModelConfig``, ``training`` fields of ``TrainConfig``.

The size, the channels and the label names of a model are those of the data set it is trained on; other sizes are
derived from them (``train.config.preset_model``).

    preset          the system it is
    unet            the default: the best quality in under a second on two cores
    score-unet      score SDE: VE noise sigma^t, Fourier time features, spatial transformer, Euler-Maruyama
    cross-unet      a U-Net conditioned on the label by cross-attention, at every level and in the middle
    ddpm-rgb        the minimal DDPM on RGB images: 1000 linear betas, a scalar time MLP, no labels
    dit             a diffusion transformer without labels
    dit-cross       a diffusion transformer whose blocks cross-attend to the label, for classifier-free guidance
    guided-unet     guided-diffusion's U-Net: residual resampling, scale-shift norm, learned range of variances
    classifier      guided-diffusion's classifier of noisy images, with attention pooling: guides models of the same
                    process, such as dit
    super-resolution  a U-Net conditioned on a low-resolution image, which it enlarges four times
    frequency-unet  a Fourier branch in every residual block
    speedrun        a small U-Net that learns as much as one minute allows
    turbo           the default distilled to two steps, with the guidance scale as an input: needs --teacher
"""

from typing import Any

UNET = {"kind": "unet", "patch": 2, "blocks": 1}
MNIST = {"dataset": "mnist", "minutes": 15, "batch_size": 32, "learning_rate": 3e-3}
MARGIN = 0.1  # of black: removes the haze that the last step leaves
LINEAR, COSINE = {"kind": "linear_vp"}, {"kind": "cosine_vp"}

PRESETS: dict[str, dict[str, Any]] = {
    "unet": {
        "model": {
            "title": "U-Net",
            "description": "A small U-Net that predicts v on the cosine schedule.",
            "black_margin": MARGIN,
            "process": COSINE,
            "prediction": "v",
            "network": UNET | {"channels": (64, 96), "attention": (False, True)},
            "sampling": {
                "sampler": "unipc",
                "steps": 14,
                "guidance_scale": 1.7,
                "guidance_t_min": 0.4,  # where the digit is decided: 6 of the 14 steps, so 20 network evaluations
                "guidance_t_max": 0.8,
                "guidance_power": 2.0,
            },
        },
        # class accuracy of 2,000 digits after 5 minutes: 98.2%; with batches of 32, at 3e-3: 97.8%, having seen fewer
        "training": MNIST | {"batch_size": 64, "learning_rate": 4.2e-3},
    },
    "score-unet": {
        "model": {
            "title": "Score U-Net",
            "description": "A variance-exploding score model with spatial transformers, sampled by Euler–Maruyama.",
            "process": {"kind": "exponential_ve", "s": 25.0},
            "prediction": "score",
            "network": UNET
            | {"channels": (40, 64), "attention": (False, "transformer"), "head_channels": 16, "time": "fourier"},
            "sampling": {"sampler": "euler_maruyama", "steps": 500, "guidance_scale": 2.0},
        },
        "training": MNIST,
    },
    "cross-unet": {
        "model": {
            "title": "Cross-attention U-Net",
            "description": "A U-Net with self- and cross-attention to label tokens at every level and in the middle.",
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
            "sampling": {"sampler": "ddim", "steps": 25, "guidance_scale": 4.0},
        },
        "training": MNIST,
    },
    "ddpm-rgb": {
        "model": {
            "title": "DDPM on colour images",
            "description": "A minimal DDPM: linear betas, a scalar time MLP.",
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
            "sampling": {"sampler": "ddpm", "steps": 250},
        },
        "training": MNIST | {"dataset": "cifar10", "conditional": False, "minutes": 60},
    },
    "dit": {
        "model": {
            "title": "DiT",
            "description": "A diffusion transformer.",
            "process": COSINE,
            "prediction": "v",
            "network": {"kind": "dit", "patch": 4, "width": 128, "depth": 6, "heads": 4},
            "sampling": {
                "sampler": "unipc",
                "steps": 25,
                "skip_scale": 3.0,  # without labels, it is guided away from itself without its middle block
                "guidance_t_min": 0.3,
                "guidance_t_max": 0.9,
            },
        },
        "training": MNIST | {"minutes": 30, "learning_rate": 6e-3, "conditional": False},
    },
    "dit-cross": {
        "model": {
            "title": "DiT with cross-attention",
            "description": "A diffusion transformer whose blocks cross-attend to label tokens.",
            "process": COSINE,
            "prediction": "v",
            "network": {"kind": "dit", "patch": 4, "width": 128, "depth": 5, "heads": 4, "condition": "cross"},
            "sampling": {"sampler": "ddim", "steps": 25, "guidance_scale": 3.0},
        },
        "training": MNIST | {"minutes": 30, "learning_rate": 6e-3},
    },
    "guided-unet": {
        "model": {
            "title": "Guided-diffusion U-Net",
            "description": "Residual resampling, scale-shift norm and learned-range variance, sampled by DDPM.",
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
            "sampling": {"sampler": "ddpm", "steps": 25, "guidance_scale": 2.0},
        },
        "training": MNIST | {"loss": "rescaled_mse"},
    },
    "classifier": {
        "model": {
            "title": "Classifier of noisy images",
            "description": "Classifies images at every noise level, to guide models of the cosine process.",
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
            "description": "Enlarges images four times; each sample is a plausible original.",
            "process": COSINE,
            "prediction": "v",
            "network": UNET
            | {"channels": (48, 80), "attention": (False, True), "head_channels": 20, "low_res": "bilinear"},
            "sampling": {"sampler": "ddim", "steps": 20},
        },
        "training": MNIST | {"conditional": False},
    },
    "frequency-unet": {
        "model": {
            "title": "Frequency U-Net",
            "description": "A U-Net with a Fourier branch in every residual block.",
            "process": COSINE,
            "prediction": "v",
            "network": UNET
            | {"channels": (48, 80), "attention": (False, True), "head_channels": 20, "fourier_branch": True},
            "sampling": {"sampler": "ddim", "steps": 20, "guidance_scale": 3.0},
        },
        "training": MNIST,
    },
    "speedrun": {
        "model": {
            "title": "Speedrun",
            "description": "A small, fast U-Net, which learns as much as one minute allows.",
            "black_margin": MARGIN,
            "process": COSINE,
            "prediction": "v",
            "network": UNET | {"channels": (32, 64), "attention": (False, True)},
            "sampling": {
                "sampler": "unipc",
                "steps": 10,
                "guidance_scale": 3.0,  # the shorter the training, the more guidance is needed
            },
        },
        "training": MNIST | {"minutes": 1, "learning_rate": 4e-3},
    },
    "turbo": {
        "model": {
            "title": "Turbo",
            "description": "Distilled to two sampling steps, with the guidance scale as a network input.",
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
            "sampling": {"sampler": "turbo", "steps": 2, "guidance_scale": 2.0},
        },
        "training": MNIST | {"loss": "distillation", "minutes": 25, "batch_size": 16, "learning_rate": 1e-3},
    },
}
