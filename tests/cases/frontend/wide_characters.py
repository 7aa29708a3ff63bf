def größe(été, x):
    σ = été["größe 🙂"] + x.größe * 2; y = σ
    return "漢字", σ + y
