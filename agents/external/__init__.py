"""Other people's optimizers, unmodified, as agents; their packages come with the extra `external`."""

TABLE: dict[str, str] = {
    "gepa-pypi": "agents.external.gepa_package:GepaPackage",
    "promptolution-capo": "agents.external.promptolution_package:PromptolutionCAPO",
    "promptolution-evoprompt-ga": "agents.external.promptolution_package:PromptolutionGA",
    "promptolution-evoprompt-de": "agents.external.promptolution_package:PromptolutionDE",
    "promptolution-opro": "agents.external.promptolution_package:PromptolutionOPRO",
    "dspy-mipro": "agents.external.dspy_package:DspyMIPRO",
    "dspy-copro": "agents.external.dspy_package:DspyCOPRO",
}
"""Name -> "module:class"; nothing is imported before it is used."""
