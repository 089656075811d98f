package process

import (
	"strconv"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/oom"
)

// codeOfKill is the exit code after SIGKILL, which the OOM killer sends.
const codeOfKill = 128 + int(unix.SIGKILL)

func exitStatus(p *Process, status unix.WaitStatus, watch *oom.Watch) *contract.ExitStatus {
	exit := &contract.ExitStatus{Code: status.ExitStatus()}
	if status.Signaled() {
		name := signalNames[status.Signal()]
		exit.Code = 128 + int(status.Signal())
		exit.Signal = &name
	}
	exit.Success = exit.Code == 0
	if exit.Code == codeOfKill {
		if verdict := watch.Verdict(p.pid, p.startedMicros); verdict != "" {
			exit.OOM = &verdict
		}
	}
	return exit
}

func itoa(n int) string { return strconv.Itoa(n) }
