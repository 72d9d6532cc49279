"""Tiny causal LMs of two architectures, made here, saved as Hugging Face directories: white boxes for tests.

`llama_dir` and `gpt2_dir` of tests/conftest.py are such directories; `white_box` lends one to a test.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sandbox.budget import Budget, Ledger, Meter
from sandbox.whitebox.lending import Lending, digest_of_folder
from sandbox.whitebox.lent import Speed, WhiteBox

WIDTH = 32
LAYERS = 2
POSITIONS = 512
SENTENCES = (
    "The instruction was to write the opposite of the word.",
    "The instruction was to add the two numbers and answer with the sum.",
    "Input: hot\nOutput: cold\n\nInput: 3 5\nOutput: 8",
    "Translate the word into French, then name its first letter.",
    "Which of these animals is larger? Sort the list by the alphabet.",
)
CHAT = (
    "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def tokenizer(begins: bool) -> Any:
    """A byte-level BPE tokenizer of 300 tokens; with `begins` it puts a token before every text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    special = ["<s>", "</s>"] if begins else ["<|endoftext|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        SENTENCES, trainers.BpeTrainer(vocab_size=300, special_tokens=special, initial_alphabet=alphabet)
    )
    if begins:
        made.post_processor = processors.TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", made.token_to_id("<s>"))]
        )
        return PreTrainedTokenizerFast(
            tokenizer_object=made, bos_token="<s>", eos_token="</s>", chat_template=CHAT
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<|endoftext|>", eos_token="<|endoftext|>"
    )


def make_llama(folder: Path, seed: int = 0, width: int = WIDTH, layers: int = LAYERS) -> Path:
    """A Llama of random weights with a chat template, a token that begins texts, and none that pads."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    words = tokenizer(begins=True)
    config = LlamaConfig(
        vocab_size=len(words), hidden_size=width, intermediate_size=2 * width, num_hidden_layers=layers,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=POSITIONS,
        bos_token_id=words.bos_token_id, eos_token_id=words.eos_token_id, initializer_range=0.2,
    )  # fmt: skip
    return _saved(LlamaForCausalLM, config, words, folder, torch, seed)


def make_gpt2(folder: Path, seed: int = 0, width: int = WIDTH, layers: int = LAYERS) -> Path:
    """A GPT-2 of random weights: learned positions, no chat template, nothing that begins or pads."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    words = tokenizer(begins=False)
    config = GPT2Config(
        vocab_size=len(words), n_embd=width, n_layer=layers, n_head=4, n_positions=POSITIONS,
        bos_token_id=words.bos_token_id, eos_token_id=words.eos_token_id, initializer_range=0.2,
    )  # fmt: skip
    return _saved(GPT2LMHeadModel, config, words, folder, torch, seed)


def _saved(kind: Any, config: Any, words: Any, folder: Path, torch: Any, seed: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.random.manual_seed(seed)
        kind(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def white_box(
    folder: Path,
    budget: Budget | None = None,
    speed: Speed | None = None,
    ledgers: Sequence[Ledger] | None = None,
) -> WhiteBox:
    """The model in `folder` as an agent holds it, on the CPU; by default nothing limits it."""
    ledger = ledgers[0] if ledgers else Ledger(budget or Budget())
    lending = Lending(str(folder), digest_of_folder(folder), "cpu", "float32", speed or Speed())
    return lending.lend(Meter(ledger))
