"""How the page looks: Gradio's theme, and the style sheets of ui/web for what is our own."""

from pathlib import Path

import gradio as gr
from gradio.themes.utils import colors

WEB = Path(__file__).parent / "web"
STYLES = (
    "style.css",
    "player.css",
    "live.css",
    "plots.css",
    "noise.css",
    "fork.css",
    "pad.css",
    "compare.css",
    "share.css",
    "gradio.css",
)
IN_HEAD = ("layout.css", "contrast.css", "presenting.css")

# System fonts only: nothing is fetched from anywhere, and Chinese has its own on every system.
FONT = ("ui-sans-serif", "system-ui", "Segoe UI", "Roboto", "PingFang SC", "Microsoft YaHei", "sans-serif")
MONO = ("ui-monospace", "SF Mono", "Cascadia Mono", "Menlo", "Consolas", "monospace")


def theme() -> gr.themes.Base:
    """Indigo on quiet greys, light and dark."""
    return gr.themes.Base(primary_hue=colors.indigo, neutral_hue=colors.slate, font=FONT, font_mono=MONO).set(
        body_background_fill="#f6f7fb",
        body_background_fill_dark="#0d1020",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_padding="0px",
        block_border_width="0px",
        block_border_width_dark="0px",
        block_label_text_weight="600",
        block_title_text_weight="600",
        block_title_text_color="*neutral_700",
        block_title_text_color_dark="*neutral_200",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_400",
        input_background_fill="#ffffff",
        input_background_fill_dark="#171b30",
        input_border_color="#d8dce8",
        input_border_color_dark="#2c3250",
        input_border_width="1px",
        slider_color="#4f46e5",
        slider_color_dark="#8b90ff",
        button_transition="none",  # a click shows at once
        button_primary_background_fill="#4f46e5",
        button_primary_background_fill_hover="#4338ca",
        button_primary_background_fill_dark="#5b5ef0",
        button_primary_background_fill_hover_dark="#7477ff",
        button_primary_text_color="#ffffff",
        button_large_radius="12px",
        button_medium_radius="10px",
    )


def css() -> str:
    """Our own style sheets in one, for Gradio."""
    return "\n".join((WEB / name).read_text("utf-8") for name in STYLES)


def unprefixed() -> str:
    """Those that must reach the page as they are, for its head (see layout.css)."""
    return "\n".join((WEB / name).read_text("utf-8") for name in IN_HEAD)
