"""The optimizers that come along, one a file; a new one is one more line in the table."""

TABLE: dict[str, str] = {
    "random": "agents.random_search:RandomSearch",
    "round-robin": "agents.round_robin:RoundRobin",
    "ucb": "agents.ucb:UCB",
    "thompson": "agents.thompson:Thompson",
    "sequential-halving": "agents.sequential_halving:SequentialHalving",
    "gp-bo": "agents.gp_bo:GaussianProcessBO",
    "evolution": "agents.evolution:Evolution",
    "tpe": "agents.tpe:TPE",
    "cma-es": "agents.cma_es:CMAES",
    "random-soft-prompt": "agents.random_soft_prompt:RandomSoftPrompt",
    "instructzero": "agents.instructzero:InstructZero",
    "instinct": "agents.instinct:Instinct",
    "dual": "agents.dual:Dual",
    "zopo": "agents.zopo:ZOPO",
    "aio": "agents.aio:AIO",
    "naive": "agents.naive:Naive",
    "icl": "agents.icl:ICL",
    "ape": "agents.ape:APE",
    "evoprompt": "agents.evoprompt:EvoPrompt",
    "gepa": "agents.gepa:GEPA",
    "prompt-mii-zero": "agents.prompt_mii_zero:PromptMIIZero",
    "opro": "agents.opro:OPRO",
    "protegi": "agents.protegi:ProTeGi",
    "capo": "agents.capo:CAPO",
}
"""Name -> "module:class"; nothing is imported before it is used."""
