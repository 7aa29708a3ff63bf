"""``dyncc bench``: what a compiled program gains over the other ways to run the same network.

Every contender runs in a process of its own, since the threads of one engine slow the next, and they take
turns in short slices, so that what else the machine does falls on all of them alike:

====================== =====================================================================
``eager``              the network in PyTorch, in inference mode
``torch.compile``      the same under ``torch.compile`` (needs a C++ compiler)
``torchscript``        ``torch.jit.script``, frozen
``torchscript-onnx``   the scripted network exported as one ONNX file, in ONNX Runtime
``dyncc``              the compiled program
``oracle``             of each path one ONNX graph without any decision, fully optimized: what a
                       compiler could reach if it knew the path
====================== =====================================================================

The order of the modules is that of the data: ``calls`` (what is called), ``paths`` (which way each call
takes), ``linked`` and ``exported`` (the graphs of the oracle), ``contenders`` and ``worker`` (the
processes), ``process`` (their other end), ``measure`` (the turns), ``figures`` (medians, intervals),
``render`` (tables).
"""
