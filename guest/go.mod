module sandkeep.dev/guest

go 1.23.1

require (
	github.com/dlclark/regexp2 v1.12.0
	golang.org/x/net v0.43.0
	golang.org/x/sys v0.35.0
	gvisor.dev/gvisor v0.0.0-20250205023644-9414b50a5633
)

require (
	github.com/google/btree v1.1.2 // indirect
	golang.org/x/text v0.28.0 // indirect
	golang.org/x/time v0.7.0 // indirect
)
