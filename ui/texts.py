"""Every word on the page, in English and Simplified Chinese: one row each, the key first."""

import re

from diffusion.samplers import SAMPLERS
from ui import chinese

LANGUAGES = {"en": "English", "zh": "简体中文"}

TEXTS: dict[str, tuple[str, str]] = {
    # Page
    "title": ("Digit Diffusion Lab", "数字扩散实验室"),
    "subtitle": (
        "Pick a digit and watch a diffusion model turn noise into it.",
        "选一个数字，看扩散模型如何把噪声一步步变成它。",
    ),
    "language": ("Language", "语言"),
    "theme": ("Switch between light and dark", "切换浅色与深色"),
    "tab": ("Generate", "生成"),
    # Controls
    "digits": ("What shall it draw?", "要画什么？"),
    "any": ("any", "任意"),
    "digits_small": ("Which digits shall it enlarge?", "要放大哪些数字？"),
    "digits_small_help": (
        "Real digits that it never saw, shrunk until hardly anything is left.",
        "它从未见过的真实数字，缩小到几乎看不清。",
    ),
    "no_labels": ("It draws what it likes", "它随意画"),
    "no_labels_help": (
        "This model was trained without labels, so there is nothing to choose.",
        "这个模型训练时没有标签，因此无从选择。",
    ),
    "no_labels_steer": (
        "This model was trained without labels. Under Advanced, a classifier can steer it towards a label.",
        "这个模型训练时没有标签。在“高级”中选一个分类器，就能把它引向某个标签。",
    ),
    "any_help": ("Any: the model chooses for itself", "任意：由模型自己决定"),
    "num_images": ("Images", "张数"),
    "guidance": ("Guidance scale", "引导强度"),
    "guidance_help": (
        "0 ignores your choice, 1 follows it as learned, more insists: surer, less varied.",
        "0 不理会所选数字；1 按学到的来；越大越坚持：更像，但变化更少。",
    ),
    "sampler": ("Sampler", "采样器"),
    "steps": ("Steps", "步数"),
    "eta": ("Eta", "Eta"),
    "eta_help": (
        "Fresh noise in each step: 0 none, 1 as much as DDPM.",
        "每步重新加入的噪声：0 没有，1 与 DDPM 相同。",
    ),
    "seed": ("Seed", "随机种子"),
    "random": ("random", "随机"),
    "keep": ("keep", "固定"),
    "seed_mode": ("Next seed", "下一个种子"),
    "model": ("Model", "模型"),
    "hub_box": ("From the Hugging Face Hub", "来自 Hugging Face Hub"),
    "fetching": ("Fetching {ref}…", "正在获取 {ref}……"),
    "reload": ("Reload", "刷新"),
    "bundled": ("bundled", "内置"),
    "run": ("your run", "本地训练"),
    "hub": ("from the Hub", "来自 Hub"),
    # Advanced
    "advanced": ("Advanced", "高级"),
    "none": ("none", "无"),
    "classifier": ("Classifier guidance", "分类器引导"),
    "classifier_help": (
        "A second network that reads noisy images: at each step it says which way makes them more like your choice.",
        "另一个能看懂含噪图像的网络：每一步都指出往哪个方向更像所选的标签。",
    ),
    "classifier_scale": ("Classifier's strength", "分类器引导强度"),
    "classifier_scale_help": (
        "0 ignores it, 1 trusts it as it is, more insists: surer, less varied.",
        "0 不理会；1 按其判断；越大越坚持：更像，但变化更少。",
    ),
    "guidance_t_max": ("Guide from t", "引导起点 t"),
    "guidance_t_max_help": (
        "1 is pure noise. Guidance there makes all images alike.",
        "1 为纯噪声。在那里引导会让图像都差不多。",
    ),
    "guidance_t_min": ("Guide to t", "引导终点 t"),
    "guidance_t_min_help": (
        "0 is the finished image. Near it the digit is decided.",
        "0 为成品图像。接近它时数字已经定了。",
    ),
    "guidance_power": ("Guidance power", "引导幂次"),
    "guidance_power_help": (
        "0 pushes all images alike. More pushes those that the label has not decided yet, and others less.",
        "0 对所有图像同等引导；越大越侧重尚未定型的图像，对其余的引导更少。",
    ),
    "skip_scale": ("Self-guidance", "自我引导"),
    "skip_scale_help": (
        "Asks the transformer again without its middle block, and moves away from that weaker self. 0 is off.",
        "再问一次去掉中间一块的变换器，并远离这个较弱的自己给出的答案。0 为关闭。",
    ),
    "freeu_b": ("FreeU b: backbone", "FreeU b：主干"),
    "freeu_b_help": (
        "Scales the coarse features from the middle of the U-Net, which decide the shape. 1 is off.",
        "缩放 U-Net 中部的粗特征，它们决定形状。1 为关闭。",
    ),
    "freeu_s": ("FreeU s: skips", "FreeU s：跳跃连接"),
    "freeu_s_help": (
        "Scales the smooth part of the features that skip the middle, which carry the detail. 1 is off.",
        "缩放绕过中部的特征里平缓的部分，这些特征带来细节。1 为关闭。",
    ),
    # Live
    "live": ("Live", "实时"),
    "live_help": ("The images follow your hand: nothing to press.", "图像随手而变，无需按按钮。"),
    "generate": ("Generate", "生成"),
    "stop": ("Stop", "停止"),
    # Player
    "player": ("Denoising player", "去噪播放器"),
    "noisy": ("Noisy image", "含噪图像"),
    "guess": ("Model's guess", "模型的猜测"),
    "both": ("Both", "两者"),
    "input": ("Small input", "小图输入"),
    "view": ("What to show", "显示内容"),
    "play": ("Play", "播放"),
    "pause": ("Pause", "暂停"),
    "back": ("One step back", "后退一步"),
    "forward": ("One step forward", "前进一步"),
    "loop": ("Loop", "循环"),
    "speed": ("Speed", "速度"),
    "smooth": ("Smooth", "平滑"),
    "scrub": ("Step", "步"),
    "step": ("Step", "步"),
    "time": ("Time t", "时间 t"),
    "noise": ("Noise σ", "噪声 σ"),
    "seconds": ("Seconds", "秒"),
    "noise_share": ("noise", "噪声"),
    "picture_share": ("picture", "图像"),
    "png": ("PNG", "PNG"),
    "gif": ("GIF", "GIF"),
    "png_help": ("Download the images as PNG", "下载 PNG 图片"),
    "gif_help": ("Download the animation as GIF", "下载 GIF 动画"),
    "gif_busy": ("Writing…", "正在生成……"),
    "enlarge": ("Click an image to enlarge it.", "点击图像可放大。"),
    "shrink": ("Show all", "显示全部"),
    "example": ("Example", "示例"),
    "example_wait": ("Drawing an example…", "正在绘制示例……"),
    "waiting": ("Starting…", "正在启动……"),
    "queued": ("{n} ahead of you in the queue", "前面还有 {n} 人排队"),
    "running": ("Computing", "计算中"),
    "stopped": ("Stopped at step {step} of {total}.", "已停在第 {step} 步，共 {total} 步。"),
    "failed": (
        "The connection broke off or the server is busy. Please try again.",
        "连接中断或服务器繁忙，请再试一次。",
    ),
    "finished": ("Finished in {seconds} s.", "完成，用时 {seconds} 秒。"),
    "following": ("Live: move anything", "实时：随意调节"),
    "read_as": (
        "An independent classifier reads {right} of {n} as “{label}”.",
        "独立分类器把 {n} 张中的 {right} 张认作“{label}”。",
    ),
    "read_right": (
        "An independent classifier reads {right} of {n} as the digit that they are.",
        "独立分类器把 {n} 张中的 {right} 张认成了原来的数字。",
    ),
    "reads": ("An independent classifier reads: {list}.", "独立分类器读作：{list}。"),
    "announce": ("Step {step} of {total}, noise {noise} percent", "第 {step} 步，共 {total} 步，噪声 {noise}%"),
    # What is happening at this level of noise, from the most to the least
    "phase_pure": (
        "Pure noise. The guess is the average of all that would fit.",
        "纯噪声。此时的猜测是所有可能图像的平均。",
    ),
    "phase_noise": (
        "Mostly noise. The model commits to a rough place and size.",
        "噪声为主。模型先定下大致的位置和大小。",
    ),
    "phase_shape": ("A shape appears. Strokes are decided here.", "形状出现。笔画在这里定下。"),
    "phase_detail": ("Details. Edges sharpen, the background clears.", "细节。边缘变清晰，背景变干净。"),
    "phase_clean": ("Finished: no noise left.", "完成：噪声已全部去除。"),
    # How it works
    "how_title": ("How it works", "原理"),
    "how_1": ("Start from noise", "从噪声开始"),
    "how_1_text": (
        "Every pixel is a random number. The seed decides which.",
        "每个像素都是随机数，由种子决定。",
    ),
    "how_2": ("Guess the clean image", "猜测干净的图像"),
    "how_2_text": (
        "A neural network looks at the noisy image, the amount of noise and your digit, and guesses what is hidden.",
        "神经网络根据含噪图像、噪声的多少和所选数字，猜出隐藏其中的图像。",
    ),
    "how_3": ("Take a small step", "走一小步"),
    "how_3_text": (
        "The sampler moves a little towards the guess, and asks again with less noise, until none is left.",
        "采样器朝猜测移动一点，噪声减少后再次猜测，直到没有噪声。",
    ),
    # Messages
    "hub_loading": (
        "Fetching {ref}. Until it arrives, the bundled model draws.",
        "正在获取 {ref}，在此之前使用内置模型。",
    ),
    "hub_arrived": ("{ref} has arrived and is now chosen.", "{ref} 已就绪并已选用。"),
    "hub_failed": ("{error}", "正在使用内置模型。{error}"),
    "gone": ("{ref} is no longer there; the default takes its place.", "{ref} 已不存在，改用默认模型。"),
    "reloaded": ("Models found: {n}.", "找到 {n} 个模型。"),
}


def text(key: str, language: str) -> str:
    """The words for ``key`` in "en" or "zh"; any other language is English."""
    return TEXTS[key][1 if language == "zh" else 0]


def sampler_sentence(sampler: str, language: str) -> str:
    """What the sampler does, in one sentence; in English where nobody has translated it; "" for what is no sampler."""
    if not isinstance(sampler, str) or sampler not in SAMPLERS:
        return ""
    english = SAMPLERS[sampler].sentence
    return chinese.SAMPLERS.get(sampler, english) if language == "zh" else english


def model_words(ref: str, title: str, description: str, language: str) -> tuple[str, str]:
    """A model's title and description; they are English, and in Chinese known for what is bundled alone."""
    if language != "zh":
        return title, description
    return chinese.MODELS.get(ref, (title, chinese.in_chinese(description)))


def sentence(english: str, language: str) -> str:
    """A sentence of the program, such as an error, with the page's names of the settings; in English where nobody has
    translated it."""
    if language == "zh":
        return chinese.in_chinese(english)
    subject, verb, rest = re.split(r"( must not be above | must | belongs? |$)", english, maxsplit=1)
    named = _as_on_page(subject) + verb + (_as_on_page(rest) if verb == " must not be above " else rest)
    return named if re.match(r"\w*[^\w\s]|\w*_", named) else named[:1].upper() + named[1:]  # not of a path


def _as_on_page(words: str) -> str:
    """Words in which settings of a request are called what the page calls them."""

    def called(setting: str) -> str:
        key = {"guidance_scale": "guidance"}.get(setting, setting)
        return TEXTS[key][0].partition(":")[0] if key in TEXTS and setting in chinese.SETTINGS else setting

    return re.sub(r"(?<![\w/.])\w+_\w+(?![\w/])", lambda found: called(found[0]), words)


def dictionary() -> dict[str, dict[str, str]]:
    """Every text, by language and key, for the parts of the page that live in the browser."""
    return {language: {key: text(key, language) for key in TEXTS} for language in LANGUAGES}
