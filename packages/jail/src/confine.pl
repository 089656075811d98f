# The last program before the jailed one in the minimal jail, with its user (or about to become it) and no_new_privs: takes away what
# namespaces would. Arguments: `r=descriptor` and `w=descriptor` (O_PATH) for each file to read or to write, `c=path` for code to read and
# execute, `system=programs` or `system=bare`, `network=host`, `ends=pid` to end with its parent, which has that pid, `filter=hex` for
# another seccomp filter, `e=NAME=value`, `--`, and the command.

while (($_ = shift) ne "--") {
  if (/^([rw])=(\d+)$/) { push @rules, [$2, $1] }
  elsif (/^c=(.*)$/s) { push @code, $1 }
  elsif (/^e=(\w+)=(.*)$/s) { $environment{$1} = $2 }
  elsif (/^(system|network|ends|filter)=([\w-]+)$/) { $plan{$1} = $2 }
  else { die "not a part of a plan: $_\n" }
}

# Landlock (landlock(7)): no file but these and the system's programs, if the plan has them; no TCP, unless the plan has the host's network;
# no signal and no abstract socket of others.
# A kernel that has it must enforce it; one that has not says ENOSYS or EOPNOTSUPP, and a container's filter EPERM.
($create, $add, $restrict) = (444, 445, 446);
($execute, $write, $read, $list, $truncate) = (1, 1 << 1, 1 << 2, 1 << 3, 1 << 14);
$abi = syscall($create, 0, 0, 1);
if ($abi >= 1) {
  $bits = $abi >= 5 ? 16 : $abi >= 3 ? 15 : $abi >= 2 ? 14 : 13;
  $attributes = pack("QQQ", (1 << $bits) - 1, $abi >= 4 && $plan{network} ne "host" ? 3 : 0, $abi >= 6 ? 3 : 0);
  $ruleset = syscall($create, $attributes, $abi >= 6 ? 24 : $abi >= 4 ? 16 : 8, 0);
  $ruleset >= 0 or die "Landlock: cannot make a ruleset: $!\n";
  @system = $plan{system} eq "programs" ? ("/usr", "/lib", "/lib64", "/etc/ld.so.cache") : ("/proc/$$", "/dev/urandom");
  for (grep { -e } @system, "/dev/null", @code) {
    sysopen(my $path, $_, 010000000) or die "Landlock: $_: $!\n";
    push @kept, $path;
    push @rules, [fileno($path), /^\/proc/ ? "l" : -d $_ ? "x" : -c $_ ? "n" : -x $_ && $plan{system} eq "bare" ? "p" : "r"];
  }
  %access = (r => $read, w => $read | $write | ($abi >= 3 ? $truncate : 0), n => $read | $write, x => $read | $list | $execute, l => $read | $list, p => $read | $execute);
  for (@rules) {
    $rule = pack("Ql", $access{$_->[1]}, $_->[0]);
    syscall($add, $ruleset, 1, $rule, 0) == 0 or die "Landlock: cannot add a rule: $!\n";
  }
  syscall($restrict, $ruleset, 0) == 0 or die "Landlock: cannot be enforced: $!\n";
}

# Seccomp: what reaches other processes or the network. The plan's filter comes on top, and QEMU's own.
@denied = (
  29, 30, 31, 64, 65, 66, 68, 69, 70, 71, 220, 240,         # System V IPC, mq_open
  ($plan{network} eq "host" ? () : (41, 42, 49)),           # socket, connect, bind
  53,                                                       # socketpair, whose datagrams can have an address
  62, 129, 200, 297, 424, 434, 438,                         # kill and its kin, pidfd_*
  101, 310, 311, 312,                                       # ptrace, process_vm_*, kcmp
  165, 166, 155, 161, 272, 308, 428, 429, 430, 432, 442,    # mounts, namespaces
  248, 249, 250, 298, 321, 323, 425,                        # keys, perf_event_open, bpf, userfaultfd, io_uring_setup
);
($load, $equal, $greater, $anyBit, $return) = (0x20, 0x15, 0x35, 0x45, 0x06);
($allow, $refuse, $missing, $kill) = (0x7fff0000, 0x00050001, 0x00050026, 0x80000000);
sub instruction { pack("SCCL", @_) }
# What becomes of a call by one of its arguments: one verdict if a value matches, else the other.
sub judge {
  my ($call, $argument, $test, $matches, $otherwise, @values) = @_;
  return (
    instruction($equal, 0, @values + 3, $call), instruction($load, 0, 0, 16 + 8 * $argument),
    (map { instruction($test, @values - $_, 0, $values[$_]) } 0 .. $#values),
    instruction($return, 0, 0, $otherwise), instruction($return, 0, 0, $matches),
  );
}
@program = (
  instruction($load, 0, 0, 4), instruction($equal, 1, 0, 0xc000003e), instruction($return, 0, 0, $kill),
  instruction($load, 0, 0, 0), instruction($greater, 0, 1, 0x40000000), instruction($return, 0, 0, $refuse),
  (map { (instruction($equal, 0, 1, $_), instruction($return, 0, 0, $refuse)) } @denied),
  # tgkill and prlimit64: its own threads and limits only.
  judge(234, 0, $equal, $allow, $refuse, $$), judge(302, 0, $equal, $allow, $refuse, 0, $$),
  # clone: no namespaces. clone3 has its flags where no filter sees them; the C library then takes clone.
  judge(56, 0, $anyBit, $refuse, $allow, 0x7e020000), instruction($equal, 0, 1, 435), instruction($return, 0, 0, $missing),
  # fcntl's F_SETOWN and F_SETOWN_EX, ioctl's FIOSETOWN and SIOCSPGRP: a descriptor that signals another process.
  judge(72, 1, $equal, $refuse, $allow, 8, 15), judge(16, 1, $equal, $refuse, $allow, 0x8901, 0x8902),
  instruction($return, 0, 0, $allow),
);
chdir("/");
# PR_SET_PDEATHSIG, SIGKILL. The kernel forgets it when a process changes its user, which is done before, or by the program itself.
if ($plan{ends}) {
  syscall(157, 1, 9, 0, 0, 0) == 0 or die "it cannot end with its parent: $!\n";
  # The kernel says nothing of a parent that has ended before.
  getppid() == $plan{ends} or die "its parent has ended\n";
}
for $filter (join("", @program), $plan{filter} ? pack("H*", $plan{filter}) : ()) {
  $header = pack("Sx6P", length($filter) / 8, $filter);
  syscall(157, 22, 2, $header, 0, 0) == 0 or die "seccomp: the filter cannot be set: $!\n";
}

%ENV = %environment;
exec { $ARGV[0] } @ARGV or die "cannot execute $ARGV[0]: $!\n";
