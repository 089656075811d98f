package contract

// None is the params type of methods without params.
type None struct{}

// Pong answers ping.
type Pong struct {
	Protocol int    `json:"protocol"`
	Version  string `json:"version"`
}

// Identity gives a clone its own identity.
type Identity struct {
	// UnixTimeNs is the wall-clock time in nanoseconds since 1970, as a decimal string.
	UnixTimeNs string `json:"unixTimeNs"`
	// Entropy is base64 of at least 32 random bytes.
	Entropy   string            `json:"entropy"`
	Hostname  string            `json:"hostname"`
	MachineID string            `json:"machineId"`
	Env       map[string]string `json:"env"`
	// CACertificates are the authorities to trust, one PEM certificate each: the installation's own first.
	CACertificates []string `json:"caCertificates"`
}

// MountParams say where the disk of a slot is to be mounted.
type MountParams struct {
	Slot     int    `json:"slot"`
	Mount    string `json:"mount"`
	ReadOnly bool   `json:"readOnly"`
}

// UnmountParams name a slot.
type UnmountParams struct {
	Slot  int  `json:"slot"`
	Force bool `json:"force"`
}

// FreezeParams name a slot, or nil for the root disk, and limit the time.
type FreezeParams struct {
	Slot      *int `json:"slot"`
	TimeoutMs int  `json:"timeoutMs"`
}

// SlotParam names a slot, or nil for the root disk.
type SlotParam struct {
	Slot *int `json:"slot"`
}

// Frozen says whether a file system is frozen, or was until it was thawed.
type Frozen struct {
	Frozen bool `json:"frozen"`
}

// GrowParams name a slot and the size of its disk.
type GrowParams struct {
	Slot  int    `json:"slot"`
	Bytes uint64 `json:"bytes"`
}

// HoldSpaceParams limit how long a file system gives out no space.
type HoldSpaceParams struct {
	ForMs int `json:"forMs"`
}

// Moment is what a machine that was paused has to learn.
type Moment struct {
	// UnixTimeNs and Entropy are as in Identity.
	UnixTimeNs string `json:"unixTimeNs"`
	Entropy    string `json:"entropy"`
}

// FreezeProcessesParams limit how long processes are stopped.
type FreezeProcessesParams struct {
	ThawAfterMs int `json:"thawAfterMs"`
}

// ExitStatus says how a process ended.
type ExitStatus struct {
	Success bool `json:"success"`
	// Code is the exit code, or 128 + n when signal n ended the process.
	Code int `json:"code"`
	// Signal is the name of the signal that ended it, or nil.
	Signal *string `json:"signal"`
	// OOM is nil, "high-confidence" or "low-confidence"; set only with code 137.
	OOM *string `json:"oom"`
}

// SpawnParams describe a process to start.
type SpawnParams struct {
	Command  string            `json:"command"`
	Args     []string          `json:"args"`
	Env      map[string]string `json:"env"`
	ClearEnv bool              `json:"clearEnv"`
	Cwd      string            `json:"cwd"`
	Stdin    string            `json:"stdin"`
	Stdout   string            `json:"stdout"`
	Stderr   string            `json:"stderr"`
	Channel  bool              `json:"channel"`
	Socket   bool              `json:"socket"`
	Pty      *PtyParams        `json:"pty"`
	HangUp   bool              `json:"hangUp"`
}

// PtyParams is the terminal size of a process.
type PtyParams struct {
	Cols int    `json:"cols"`
	Rows int    `json:"rows"`
	Term string `json:"term"`
}

// Pid names a process.
type Pid struct {
	Pid int `json:"pid"`
}

// KillParams name a process and a signal such as "SIGTERM".
type KillParams struct {
	Pid    int    `json:"pid"`
	Signal string `json:"signal"`
}

// CloseOutputParams name a process and its "stdout" or "stderr".
type CloseOutputParams struct {
	Pid    int    `json:"pid"`
	Output string `json:"output"`
}

// ResizeParams give a terminal its size.
type ResizeParams struct {
	Pid  int `json:"pid"`
	Cols int `json:"cols"`
	Rows int `json:"rows"`
}

// ProcessInfo describes a process for processList.
type ProcessInfo struct {
	Pid         int         `json:"pid"`
	Command     string      `json:"command"`
	Args        []string    `json:"args"`
	StartedAtMs int64       `json:"startedAtMs"`
	Exit        *ExitStatus `json:"exit"`
}

// DialParams name a TCP port, or with a path a Unix socket. An empty host means loopback.
type DialParams struct {
	Port int    `json:"port"`
	Host string `json:"host"`
	Path string `json:"path"`
}

// ListenParams name a TCP port, 0 for any.
type ListenParams struct {
	Port int `json:"port"`
}

// Listener is a port that is listened on, and its number for accept.
type Listener struct {
	Listener int64 `json:"listener"`
	Port     int   `json:"port"`
}

// AcceptParams name a listener.
type AcceptParams struct {
	Listener int64 `json:"listener"`
}

// Peer is where a connection comes from.
type Peer struct {
	Host string `json:"host"`
	Port int    `json:"port"`
}

// FetchParams describe an HTTP request to make from inside the guest.
type FetchParams struct {
	URL      string      `json:"url"`
	Method   string      `json:"method"`
	Headers  [][2]string `json:"headers"`
	Redirect string      `json:"redirect"`
	HasBody  bool        `json:"hasBody"`
	Port     int         `json:"port"`
}

// FetchHead describes the response.
type FetchHead struct {
	Status     int         `json:"status"`
	StatusText string      `json:"statusText"`
	Headers    [][2]string `json:"headers"`
	URL        string      `json:"url"`
	HasBody    bool        `json:"hasBody"`
}

// EnvKey and EnvPair are the params of the environment methods.
type (
	EnvKey struct {
		Key string `json:"key"`
	}
	EnvPair struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	}
)
