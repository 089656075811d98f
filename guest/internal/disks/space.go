package disks

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	gosync "sync"
	"time"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/fault"
)

// maxHold limits how long a file system gives out no space without word from the host.
const maxHold = time.Minute

// HoldSpace makes the root's file system give out no more space for a while, because the host's disk is full: programs
// get ENOSPC. Otherwise its kernel would find a disk that it cannot write. The last call counts; with zero, there is
// space again. It must run as root.
//
// A copy of the machine finds it in its memory, and nobody may have told that one, so it ends by itself.
func HoldSpace(limit time.Duration) error {
	if limit < 0 || limit > maxHold {
		return fault.TypeError("Invalid time: %s", limit)
	}
	if limit == 0 {
		return held.end()
	}
	var root unix.Statfs_t
	if err := unix.Statfs("/", &root); err != nil {
		return err
	}
	device := deviceOf(Root)
	return held.begin(filepath.Join("/sys/fs/ext4", filepath.Base(device), "reserved_clusters"), root.Blocks, limit)
}

// held is what the root's file system gives to nobody.
var held spaceHold

// spaceHold is a file of the kernel's with the number of clusters that it keeps for itself.
type spaceHold struct {
	gosync.Mutex
	// file is open while more than usual are kept: the timer is not root.
	file  *os.File
	usual string
	timer *time.Timer
}

func (h *spaceHold) begin(path string, clusters uint64, limit time.Duration) error {
	h.Lock()
	defer h.Unlock()
	if h.file == nil {
		usual, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		h.file, h.usual = file, strings.TrimSpace(string(usual))
	} else {
		h.timer.Stop()
	}
	// Again each time: a program that may do so can have changed it.
	if err := h.keep(strconv.FormatUint(clusters, 10)); err != nil {
		h.file.Close()
		h.file = nil
		return err
	}
	h.timer = time.AfterFunc(limit, func() { _ = h.end() })
	return nil
}

func (h *spaceHold) end() error {
	h.Lock()
	defer h.Unlock()
	if h.file == nil {
		return nil
	}
	h.timer.Stop()
	err := h.keep(h.usual)
	h.file.Close()
	h.file = nil
	return err
}

func (h *spaceHold) keep(clusters string) error {
	if _, err := h.file.WriteAt([]byte(clusters+"\n"), 0); err != nil {
		return fmt.Errorf("the space of the root's file system cannot be kept: %w", err)
	}
	return nil
}
