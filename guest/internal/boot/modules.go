package boot

import (
	"errors"
	"log"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/drives"
)

// loadModules loads the kernel modules listed in the directory's file "order", one name per line. Modules that are
// already loaded or built in are skipped.
func loadModules(directory string) {
	list, err := os.ReadFile(filepath.Join(directory, "order"))
	if err != nil {
		return // none needed
	}
	for _, name := range moduleNames(string(list)) {
		if name == drives.Module {
			if err := drives.Hold(); err != nil {
				log.Printf("drives: %v", err)
			}
		}
		if err := loadModule(filepath.Join(directory, name)); err != nil {
			log.Printf("module %s: %v", name, err)
		}
	}
}

// moduleNames parses the list: base names with or without ".ko"; "#" begins a comment.
func moduleNames(list string) (names []string) {
	for _, line := range strings.Split(list, "\n") {
		line, _, _ = strings.Cut(line, "#")
		name := filepath.Base(strings.TrimSpace(line))
		if name == "." || name == "/" {
			continue
		}
		if !strings.HasSuffix(name, ".ko") {
			name += ".ko"
		}
		names = append(names, name)
	}
	return names
}

func loadModule(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	err = unix.FinitModule(int(file.Fd()), "", 0)
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	return err
}
