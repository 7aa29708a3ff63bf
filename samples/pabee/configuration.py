"""The configuration, as in the transformers library: a class with attributes, some of them never used."""


class EncoderConfig:
    model_type = "bert"

    def __init__(
        self,
        vocab_size=64,
        hidden_size=32,
        num_hidden_layers=6,
        num_attention_heads=4,
        intermediate_size=64,
        hidden_act="gelu",
        hidden_dropout_prob=0.1,
        attention_probs_dropout_prob=0.1,
        max_position_embeddings=32,
        num_labels=3,
        layer_norm_eps=1e-12,
        pad_token_id=0,
        **kwargs,
    ):
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.num_hidden_layers = num_hidden_layers
        self.num_attention_heads = num_attention_heads
        self.intermediate_size = intermediate_size
        self.hidden_act = hidden_act
        self.hidden_dropout_prob = hidden_dropout_prob
        self.attention_probs_dropout_prob = attention_probs_dropout_prob
        self.max_position_embeddings = max_position_embeddings
        self.num_labels = num_labels
        self.layer_norm_eps = layer_norm_eps
        self.pad_token_id = pad_token_id
        for key, value in kwargs.items():
            setattr(self, key, value)
