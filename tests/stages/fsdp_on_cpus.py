"""Run `saladkit` under FSDP on CPUs by torch.distributed.run, because accelerate uses FSDP on GPUs only.

END_AFTER=N in the environment ends all processes after step N.
"""

import os
import sys

import transformers.trainer
from accelerate.state import AcceleratorState, DistributedType
from transformers import TrainerCallback

from saladkit.cli import main

make_state = AcceleratorState.__init__


def make_sharded_state(
    self: AcceleratorState, *arguments: object, fsdp_plugin: object = None, **further: object
) -> None:
    """In the place of AcceleratorState.__init__."""
    make_state(self, *arguments, fsdp_plugin=fsdp_plugin, **further)
    if fsdp_plugin is not None:
        self.distributed_type, self.fsdp_plugin = DistributedType.FSDP, fsdp_plugin


class Ends(TrainerCallback):
    """Ends the process as `kill` would."""

    def on_step_begin(self, args: object, state: object, control: object, **further: object) -> None:
        """Called by the trainer."""
        if state.global_step == int(os.environ["END_AFTER"]):
            os._exit(9)


AcceleratorState.__init__ = make_sharded_state
if "END_AFTER" in os.environ:
    transformers.trainer.DEFAULT_CALLBACKS.append(Ends)
main(sys.argv[1:], standalone_mode=False)
os._exit(0)  # gloo's threads, under FSDP, abort the interpreter's own end now and then
