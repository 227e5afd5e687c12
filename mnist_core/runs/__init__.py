"""A server's training runs: where they are kept, who drives them, what trains them.

Knows no page: no HTML, no language, no gradio (but for `zero_gpu`).
"""
