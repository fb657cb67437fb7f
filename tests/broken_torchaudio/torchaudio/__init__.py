"""torchaudio as it is beside a torch for CPUs alone: installed, and not to be loaded. For `PYTHONPATH`."""

raise OSError("libc10_cuda.so: cannot open shared object file: No such file or directory")
