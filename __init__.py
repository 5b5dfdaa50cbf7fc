"""szilard: reinforcement learning for thermal machines, with the laws of thermodynamics enforced in every step.

``import szilard`` registers the environments with Gymnasium and loads neither torch nor qutip.
"""

from .envs.catalogue import CATALOGUE, make_vec, register

__version__ = "0.1.0"
__all__ = ["CATALOGUE", "__version__", "make_vec"]

register()
