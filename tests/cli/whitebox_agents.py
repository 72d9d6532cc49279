"""Agents that think with a white box, as small as can be; tests copy this file beside them."""

from collections.abc import Iterator

from sandbox.errors import AnswerFailed, BudgetExhausted
from sandbox.protocol import Evaluate, Needs, Recommend, affordable


class Steered:
    """Decodes random soft prompts, adds a seed that a hidden state picks, and keeps the best text."""

    name = "steered"
    needs = Needs.TEXT | Needs.WHITE_BOX

    def plan(self, task, rng) -> Iterator:
        box, seeds = task.lends.white_box, task.space.seeds
        best, top = seeds[0], -1.0
        yield from Recommend(best)
        context = box.chat("\n".join([f"{x} becomes {y}" for x, y in task.demos[:2]]))
        try:
            while True:
                soft = rng.normal(size=(3, 2, box.width)) * box.embeddings_rms()
                written = self.write(box, soft, context, rng)
                states = box.hidden(context, soft=soft, layer=1, pooling="mean")
                texts = [
                    f"{seeds[int(abs(state.sum() * 10)) % len(seeds)]} {text.strip()}"
                    for state, text in zip(states, written, strict=True)
                ]
                seen = yield from affordable([Evaluate(text) for text in texts])
                for text, answer in zip(texts, seen, strict=False):
                    if not isinstance(answer, AnswerFailed) and answer.score > top:
                        best, top = text, answer.score
                        yield from Recommend(best)
        except BudgetExhausted:
            return best

    def write(self, box, soft, context, rng) -> list[str]:
        return box.decode(soft, context, max_tokens=6)


class Trained(Steered):
    """The same, with a model that it changes before it writes."""

    name = "trained"

    def write(self, box, soft, context, rng) -> list[str]:
        with box.trainable(rank=2, seed=1) as parameters:
            parameters.set_flat(parameters.get_flat() + rng.normal(size=parameters.size) * 0.3)
            return box.decode(soft, context, max_tokens=6, temperature=0.8, seed=int(rng.integers(9)))
