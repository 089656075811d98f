package agent

import (
	"context"
	"time"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/disks"
	"sandkeep.dev/guest/internal/privilege"
	"sandkeep.dev/guest/internal/rpc"
)

// registerDisks binds what is done to disks, as root.
func (m *Machine) registerDisks(r *rpc.Registry) {
	rpc.Call(r, "diskMount", func(_ context.Context, p contract.MountParams) (rpc.Null, error) {
		return nil, privilege.Do(func() error { return disks.Mount(p.Slot, p.Mount, p.ReadOnly, m.DiskOwner) })
	})
	rpc.Call(r, "diskUnmount", func(_ context.Context, p contract.UnmountParams) (rpc.Null, error) {
		return nil, privilege.Do(func() error { return disks.Unmount(p.Slot, p.Force) })
	})
	rpc.Call(r, "diskFreeze", func(_ context.Context, p contract.FreezeParams) (frozen contract.Frozen, err error) {
		limit := time.Duration(p.TimeoutMs) * time.Millisecond
		err = privilege.Do(func() (err error) {
			frozen.Frozen, err = disks.Freeze(slotOf(p.Slot), limit)
			return err
		})
		return frozen, err
	})
	rpc.Call(r, "diskThaw", func(_ context.Context, p contract.SlotParam) (contract.Frozen, error) {
		return contract.Frozen{Frozen: disks.Thaw(slotOf(p.Slot))}, nil
	})
	rpc.Call(r, "diskGrow", func(_ context.Context, p contract.GrowParams) (rpc.Null, error) {
		return nil, privilege.Do(func() error { return disks.Grow(p.Slot, p.Bytes) })
	})
	rpc.Call(r, "holdSpace", func(_ context.Context, p contract.HoldSpaceParams) (rpc.Null, error) {
		return nil, privilege.Do(func() error { return disks.HoldSpace(time.Duration(p.ForMs) * time.Millisecond) })
	})
}

func slotOf(slot *int) int {
	if slot == nil {
		return disks.Root
	}
	return *slot
}
