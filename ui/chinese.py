"""Simplified Chinese for what is written elsewhere in English: samplers, bundled models, and sentences about errors."""

import re

SAMPLERS = {  # one plain sentence each
    "ddpm": "每一步去掉一点噪声，再加回一点；需要较多步数。",
    "ddim": "指向干净图像并直接走过去；很少的步数就够。",
    "euler_maruyama": "用最简单的方法求解逆向随机微分方程；需要很多步数。",
    "heun": "与 DDIM 同一条确定的路径，每步向前多看一次：计算加倍，路径更直。",
    "dpmpp_2m": "记住上一步来修正方向；十来步就够。",
    "unipc": "走法同 DPM-Solver++，再用刚看到的结果修正走过的一步；路径最直。",
    "turbo": "直接跳到下一个噪声水平；用于蒸馏模型，一步、两步或四步即可成图。",
}

MODELS = {  # bundled name: title, description
    "unet": ("U-Net", "默认模型：小型 U-Net，余弦噪声调度，预测 v。"),
    "speedrun": ("Speedrun", "只有默认模型三分之一大的网络，一分钟学到的成果。"),
    "turbo": ("Turbo", "由默认模型蒸馏而来：只需两步，引导强度直接作为网络的输入。"),
    "score-unet": ("分数 U-Net", "基于方差爆炸噪声的分数模型，带空间 Transformer，用 Euler–Maruyama 采样。"),
    "cross-unet": ("交叉注意力 U-Net", "每一层和中间层都有自注意力，以及对标签词元的交叉注意力。"),
    "ddpm-rgb": ("彩色图像 DDPM", "最精简的 DDPM，在 CIFAR-10 上训练，不带标签。"),
    "dit": ("DiT", "不识标签的扩散 Transformer：画出任意数字。"),
    "dit-cross": ("交叉注意力 DiT", "每个模块都对标签词元做交叉注意力的扩散 Transformer。"),
    "guided-unet": ("Guided-diffusion U-Net", "残差式升降采样、缩放平移归一化，方差在给定范围内学习，用 DDPM 采样。"),
    "frequency-unet": ("频域 U-Net", "与默认模型过程相同，每个残差块多一条傅里叶分支。"),
    "super-resolution": ("超分辨率 U-Net", "画出 7×7 的小图在 28×28 时可能的样子。"),
    "classifier": ("含噪图像分类器", "在任何噪声水平下都能认数字，因此可以引导加噪过程相同的模型，如 DiT。"),
}

SETTINGS = {
    "num_images": "张数",
    "steps": "步数",
    "guidance_scale": "引导强度",
    "eta": "Eta",
    "seed": "随机种子",
    "label": "标签",
    "sampler": "采样器",
    "model": "模型",
    "classifier": "分类器",
    "classifier_scale": "分类器引导强度",
    "guidance_t_min": "引导终点 t",
    "guidance_t_max": "引导起点 t",
    "guidance_power": "引导幂次",
    "skip_scale": "自我引导",
    "freeu_b": "FreeU b",
    "freeu_s": "FreeU s",
}

# A pattern of an English sentence, and what it says. {0}, {1}, ... are its groups; the setting that must be something
# gets the word that the page has for it.
SENTENCES = [
    (r"(\w+) must be a whole number from (\S+) to (\S+), not (.*)\.", "{0}必须是 {1} 到 {2} 之间的整数，而不是 {3}。"),
    (r"(\w+) must be a number from (\S+) to (\S+), not (.*)\.", "{0}必须是 {1} 到 {2} 之间的数，而不是 {3}。"),
    (r'label must be one of (.*), or "" for .*, not (.*)\.', "标签必须是 {0} 之一，或留空表示任意，而不是 {1}。"),
    (
        r"(\w+) must be one of (.*), or hub:owner/name, not (.*)\.",
        "{0}必须是 {1} 之一，或 hub:所有者/名称，而不是 {2}。",
    ),
    (r"(\w+) must be one of (.*), not (.*)\.", "{0}必须是 {1} 之一，而不是 {2}。"),
    (r"guidance_t_min must not be above guidance_t_max; .*", "引导终点 t 不能高于引导起点 t。"),
    (
        r"(guidance_\w+) belongs to guidance by two passes; leave it out with (.*)\.",
        "{0}只适用于两次计算的引导：{1} 不是。",
    ),
    (r"skip_scale belongs to a DiT; leave it out with (.*)\.", "自我引导只适用于 DiT：{0} 不是，请关闭。"),
    (r"this model draws without labels: .*", "这个模型不带标签：请不要选择标签。"),
    (r"live drawing wants a model .*, which (\S+) is not\.", "实时绘制需要蒸馏成几步的模型，而 {0} 不是。"),
    (r"live drawing takes at most (\d+) steps, not (\d+): .*", "实时绘制最多 {0} 步，而不是 {1}：更多步数请按“生成”。"),
    (r"the classifier was trained on another process than the model: .*", "该分类器与模型的加噪过程不同，无法引导它。"),
    (r"the classifier .* that are not the model's .*", "该分类器与模型的标签不同，无法引导它。"),
    (r"the classifier reads images of .*", "该分类器与模型的图像规格不同，无法引导它。"),
    (r"(\S+) is a classifier.*", "{0} 是含噪图像的分类器：它引导其他模型，自己不会画。"),
    (r"(\S+) is a model that draws: .*", "{0} 是会画图的模型，不是用来引导的分类器。"),
    (
        r"(\S+) enlarges to (?:grey|colour) images of (\S+) pixels, and .*",
        "{0} 放大到 {1} 像素的图像，而这里只有 28×28 的灰度数字可供放大。",
    ),
    (
        r"'?(hub:.*?)'? does not name a model on the Hub.*",
        "{0} 不是 Hub 上的模型名，应为“所有者/名称”。",
    ),
    (r"'?(hub:.*?)'? has no good revision after its @.*", "{0} 的 @ 之后应为分支、标签或提交。"),
    (r"(hub:\S+) is too large: .*", "{0} 太大，无法加载。"),
    (r"(hub:\S+) offers .*, a pickle.*", "{0} 只提供 pickle 文件；它可能执行代码，绝不会被打开。"),
    (r"(hub:\S+) cannot be loaded: HF_HUB_OFFLINE.*", "无法加载 {0}：已设为离线，不能访问网络。"),
    (r"(hub:\S+) cannot be loaded: access is refused.*", "无法加载 {0}：没有访问权限。"),
    (r"(hub:\S+) cannot be loaded: it has no such revision.*", "无法加载 {0}：没有这个版本。"),
    (r"(hub:\S+) cannot be loaded: it lacks .*", "无法加载 {0}：缺少 config.json 或 model.safetensors。"),
    (r"(hub:\S+) cannot be loaded: (?:it is not there|.* does not have it).*", "无法加载 {0}：它不存在或未公开。"),
    (r"(hub:\S+) cannot be loaded: with its .*disk\.", "无法加载 {0}：服务器的磁盘空间不足。"),
    (
        r"(hub:\S+) cannot be loaded: .*(?:down or|silent|reached|broke).*",
        "无法加载 {0}：暂时连不上 Hub。",
    ),
    (r"(hub:\S+) cannot be loaded: .*", "无法加载 {0}。"),
    (r"(.*) is not a model's configuration.*", "{0} 不是有效的模型配置。"),
    (r"(.*) does not fit its configuration: .*", "{0} 与其配置不符。"),
    (r"(.*) cannot be read.*", "无法读取 {0}。"),
]

NAMED = (r"(\w+) must be", r"(guidance_")  # patterns whose first group is a setting


def in_chinese(sentence: str) -> str:
    """An English sentence of the program in Chinese; as it is where no pattern fits."""
    for pattern, chinese in SENTENCES:
        if found := re.fullmatch(pattern, sentence, re.DOTALL):
            first, *others = found.groups() or ("",)
            setting = SETTINGS.get(first, first) if pattern.startswith(NAMED) else first
            return chinese.format(setting, *others)
    return sentence
