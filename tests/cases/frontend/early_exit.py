def forward(self, x, threshold=0.5):
    for stage, head in zip(self.stages, self.heads):  # dyncc: unroll
        x = stage(x)
        logits = head(x.mean((-1, -2)))
        if logits.softmax(-1).max() > threshold and not self.training:
            return logits, True
    else:
        logits = self.classifier(x)
    return logits, False


def decode(self, state, limit: int):
    tokens = []
    while len(tokens) < limit:
        token, state = self.step(state)
        if (word := int(token)) == self.end:
            break
        tokens.append(word)
    return tokens
