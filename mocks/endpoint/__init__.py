"""An HTTP endpoint that speaks the OpenAI protocol, in front of any chat model."""
