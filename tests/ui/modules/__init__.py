"""The modules of ``ui/web`` alone in a browser, without Gradio."""
