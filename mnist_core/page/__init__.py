"""A browser's page: three tabs over the core, in two languages. Only here is gradio known."""
