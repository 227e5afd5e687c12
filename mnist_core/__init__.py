"""Train, keep, resume and use small networks that read handwritten digits.

Rooms, in the order of the one direction in which they import each other:

    errors, words
      → config
        → data, models, history, strokes
          → drawing, evaluation, checkpoint, plots, pictures
            → training
              → jobs
                → cli (and app.py, the page)

Three flows pass through them:

    Train   TrainConfig → Trainer.events() → History → curve; Trainer.checkpoint() → file → resume
    Draw    pen strokes → strokes.rasterize, picture → drawing.prepare; both → u8 [28,28] → classify
    Test    Split → evaluate → accuracy, confusion, every digit's probabilities

Importing the package does nothing else: no I/O, no torch.
"""
