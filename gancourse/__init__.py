"""Helpers for the GAN course: short, tested, and meant to be read.

The modules, each one idea (see the book's reference page): ``data``, ``nets``, ``losses``,
``penalties``, ``training``, ``dynamics``, ``features``, ``metrics``, ``plots``, ``explore``,
``recorded``, ``claims`` and ``exercises``. Import the one you need: ``from gancourse import losses``.
"""

__version__ = "0.1.0"
