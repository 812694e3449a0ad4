"""What networks learn: XOR, CartPole-v1 and the double pole with velocities, for a whole batch at once.

Each task turns a batch of networks into a fitness in 0 ... 1 per network, 1 meaning solved. Rollouts leave early: every
:data:`COMPACT_EVERY` steps the fallen are dropped, which changes no score.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import torch

from corebound_trial.neuroevolution.networks import padded

if TYPE_CHECKING:
    from corebound_trial.neuroevolution.networks import Networks

COMPACT_EVERY: Final = 20


class Task(Protocol):
    """``inputs`` and ``outputs`` size the networks."""

    inputs: int
    outputs: int

    def evaluate(self, networks: Networks, population: int) -> torch.Tensor:
        """Fitness [population], each in 0 ... 1."""


class Xor:
    """The four rows of XOR; fitness = 1 - mean absolute error, 1 once all four are on the right side of one half."""

    inputs, outputs = 2, 1

    def evaluate(self, networks: Networks, population: int) -> torch.Tensor:
        """See :class:`Task`."""
        error = torch.zeros(population)
        right = torch.ones(population, dtype=torch.bool)
        for a, b in ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)):
            inputs = torch.tensor([[a], [b]]).expand(2, population)
            output = torch.sigmoid(networks(inputs))[0]
            expected = float(a != b)
            error += (output - expected).abs()
            right &= (output > 0.5) == bool(expected)
        return torch.where(right, torch.ones(()), 1.0 - (error / 4).clamp(min=1e-3))


class CartPole:
    """CartPole-v1: Gymnasium's physics (Euler, 0.02 s, force 10 N), 500 steps, from four fixed starts."""

    inputs, outputs = 4, 1
    steps = 500
    starts = ((0.04, 0.0, 0.04, 0.0), (-0.04, 0.0, -0.04, 0.0), (0.0, 0.04, 0.0, -0.04), (0.02, -0.04, -0.02, 0.04))

    def first_states(self) -> torch.Tensor:
        """[4 state variables, starts]."""
        return torch.tensor(self.starts).T

    def evaluate(self, networks: Networks, population: int) -> torch.Tensor:
        """See :class:`Task`."""
        return rollouts(self, networks, population)

    def act(self, networks: Networks, state: torch.Tensor) -> torch.Tensor:
        """Push right when the output is above zero."""
        return torch.where(networks(state)[0] > 0, 10.0, -10.0)

    def advance(self, state: torch.Tensor, force: torch.Tensor) -> torch.Tensor:
        """One step; x, velocity, angle, angular velocity."""
        x, v, angle, spin = state
        cosine, sine = torch.cos(angle), torch.sin(angle)
        push = (force + 0.05 * spin * spin * sine) / 1.1
        turn = (9.8 * sine - cosine * push) / (0.5 * (4.0 / 3.0 - 0.1 * cosine * cosine / 1.1))
        slide = push - 0.05 * turn * cosine / 1.1
        return torch.stack((x + 0.02 * v, v + 0.02 * slide, angle + 0.02 * spin, spin + 0.02 * turn))

    def fallen(self, state: torch.Tensor) -> torch.Tensor:
        """Outside 2.4 m or 12 degrees."""
        return (state[0].abs() > 2.4) | (state[2].abs() > 0.20943951)


class DoublePole:
    """Two poles on one cart with all velocities (Wieland 1991; Stanley and Miikkulainen 2002), RK4, 2 x 0.01 s an action.

    Published physics: poles of 1 m / 0.1 kg and 0.1 m / 0.01 kg, hinge friction 2e-6, force (output - 1/2) x 20 N, lost
    beyond 2.4 m or 36 degrees. Fitness here: the share of 500 actions balanced, mean over four starts; the paper's 100,000
    steps from one start would make a trial's cost depend on its luck.
    """

    inputs, outputs = 6, 1
    steps = 500
    starts = (
        (0.0, 0.0, 0.07, 0.0, 0.0, 0.0),
        (0.0, 0.0, -0.07, 0.0, 0.0, 0.0),
        (1.0, 0.0, 0.035, 0.0, 0.0, 0.0),
        (-1.0, 0.0, -0.035, 0.0, 0.0, 0.0),
    )

    def __init__(self) -> None:
        self._half_length = torch.tensor([[0.5], [0.05]])
        self._mass = torch.tensor([[0.1], [0.01]])
        self._friction = 2e-6 / (self._mass * self._half_length)
        self._scale = torch.tensor([[4.8], [2.0], [0.52], [0.52], [2.0], [2.0]])

    def first_states(self) -> torch.Tensor:
        """[x, v, angle 1, angle 2, spin 1, spin 2; starts]."""
        x, v, long, long_spin, short, short_spin = torch.tensor(self.starts).T
        return torch.stack((x, v, long, short, long_spin, short_spin))

    def evaluate(self, networks: Networks, population: int) -> torch.Tensor:
        """See :class:`Task`."""
        return rollouts(self, networks, population)

    def act(self, networks: Networks, state: torch.Tensor) -> torch.Tensor:
        """A force in -10 ... 10 N."""
        return (torch.sigmoid(networks(state / self._scale)[0]) - 0.5) * 20.0

    def advance(self, state: torch.Tensor, force: torch.Tensor) -> torch.Tensor:
        """Two steps of Runge and Kutta."""
        for _ in range(2):
            k1 = self._change(state, force)
            k2 = self._change(state + 0.005 * k1, force)
            k3 = self._change(state + 0.005 * k2, force)
            k4 = self._change(state + 0.01 * k3, force)
            state = state + (0.01 / 6) * (k1 + 2 * (k2 + k3) + k4)
        return state

    def _change(self, state: torch.Tensor, force: torch.Tensor) -> torch.Tensor:
        angles, spins = state[2:4], state[4:6]
        sine, cosine = torch.sin(angles), torch.cos(angles)
        pull = self._friction * spins - 9.8 * sine
        reaction = self._mass * (self._half_length * spins * spins * sine + 0.75 * cosine * pull)
        mass = self._mass * (1 - 0.75 * cosine * cosine)
        slide = (force + reaction[0] + reaction[1]) / (1 + mass[0] + mass[1])
        turn = -0.75 / self._half_length * (slide * cosine + pull)
        return torch.cat((state[1:2], slide[None], spins, turn))

    def fallen(self, state: torch.Tensor) -> torch.Tensor:
        """Outside 2.4 m or 36 degrees."""
        return (state[0].abs() > 2.4) | (state[2:4].abs() > 0.6283185).any(0)


def rollouts(task: CartPole | DoublePole, networks: Networks, population: int) -> torch.Tensor:
    """Mean over the starts of the share of steps survived; [population]."""
    states = task.first_states()
    starts = states.shape[1]
    owner = torch.arange(population).repeat(starts)
    lasted = torch.zeros(population * starts)
    place = torch.arange(population * starts)
    state = states.repeat_interleave(population, dim=1)
    standing = torch.ones(population * starts, dtype=torch.bool)
    nets = networks.select(owner)
    for step in range(task.steps):
        state = task.advance(state, task.act(nets, state))
        standing = standing & ~task.fallen(state)
        lasted.index_add_(0, place, standing.to(lasted.dtype))
        if step % COMPACT_EVERY == COMPACT_EVERY - 1:
            alive = int(standing.sum())
            if alive == 0:
                break
            if padded(alive) <= standing.numel() // 2:
                # The standing first, then as many of the fallen as fill the last block of 32.
                kept = torch.argsort(standing, descending=True, stable=True)[: padded(alive)]
                state, standing, place, owner = state[:, kept], standing[kept], place[kept], owner[kept]
                nets = networks.select(owner)
    return (lasted / task.steps).reshape(starts, population).mean(0)


TASKS: Final[dict[str, type[Xor] | type[CartPole] | type[DoublePole]]] = {
    "xor": Xor,
    "cartpole": CartPole,
    "double-pole": DoublePole,
}
