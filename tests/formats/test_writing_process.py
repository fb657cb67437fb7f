"""Whether the process that wrote a file still runs: here, elsewhere, or in a container that has our host name."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from saladkit.formats.claims import Claims, newest_claim
from saladkit.formats.files import is_abandoned
from saladkit.formats.writing_process import WritingProcess, process_of, this_process

# Claims a part, writes half a file, says so, and stays.
AT_WORK = """
import sys
from pathlib import Path
from saladkit.formats.claims import Claims
from saladkit.formats.files import written_aside
folder = Path(sys.argv[1])
with Claims(folder, 900.0, print) as claims, written_aside(folder / "part") as aside:
    claims.take("part")
    aside.write_text("half")
    print(aside, flush=True)
    sys.stdin.read()
"""


def test_a_process_is_read_from_its_name():
    for process in (this_process(), WritingProcess("host-with-4.5-parts", 7), WritingProcess("a", 7, 9)):
        assert process_of(str(process)) == process


@pytest.mark.parametrize("name", ["", "7", "host", "host-", "host-7.", "host-.9", "host-7.9.1", "host-x", "host-²"])
def test_other_names_are_of_no_process(name):
    assert process_of(name) is None


def test_a_process_has_ended_only_where_its_number_counts():
    here = this_process()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    ours = replace(here, number=ended.pid)
    assert not here.has_ended() and ours.has_ended()
    assert not replace(ours, host="elsewhere").has_ended()
    assert replace(ours, number=2**80).has_ended()
    assert replace(ours, namespace=None).has_ended()
    if here.namespace is not None:
        assert not replace(ours, namespace=here.namespace + 1).has_ended()


def test_a_container_that_shares_our_host_name_keeps_its_claim_and_its_file(tmp_path):
    """Its process number, 1 or 2, is of another process here, or of none."""
    command = ["unshare", "--pid", "--fork", "--map-root-user", "--mount-proc", sys.executable, "-c", AT_WORK, tmp_path]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as container:
        aside = container.stdout.readline().strip()
        theirs = newest_claim(tmp_path / "working" / "claims", "part")
        assert theirs.host == this_process().host and theirs.process < 10
        with Claims(tmp_path, 900.0, lambda claim: None) as claims:
            assert not claims.take("part")
        assert not is_abandoned(Path(aside))
        container.communicate()
    assert container.returncode == 0
