/**
 * A seccomp filter for Node: the system calls that it needs to run a program with sockets and threads. No new processes, no
 * tracing, no mounts, no namespaces, no keys, no BPF, no io_uring.
 */
import { type Architecture, assembled, programFor } from "./architecture.ts";
import { type Condition, decide, give, type Instruction, OP, test, VERDICT } from "./bpf.ts";
import { type CallName, NUMBERS } from "./numbers.ts";

export type { Architecture } from "./architecture.ts";

/** Calls from this number on are younger than Linux 5.1, the same on all architectures, and everything does without them. */
const YOUNG_CALLS = 424;

const CLONE_THREAD = 0x00010000;
/** Every CLONE_NEW* flag. */
const CLONE_NEW = 0x7e020000;
const AF = { unix: 1, inet: 2, inet6: 10, netlink: 16 } as const;
/** SOCK_RDM, SOCK_SEQPACKET and SOCK_DCCP have this bit; SOCK_STREAM, SOCK_DGRAM, SOCK_RAW and the flags have not. */
const OTHER_TYPES = 4;
const PR = { setName: 15, getName: 16, getDumpable: 3, setVma: 0x53564d41 } as const;
/** Whether data waits, and modes of a descriptor; nothing of terminals or network interfaces. */
const IOCTL = { fionread: 0x541b, fionbio: 0x5421, fioclex: 0x5451, fionclex: 0x5450 } as const;
/** Descriptor flags, status flags, duplicates; no locks, no leases, no signals to an owner. */
const FCNTL = { dupFd: 0, getFd: 1, setFd: 2, getFl: 3, setFl: 4, dupFdCloexec: 1030 } as const;

const is = (argument: number, values: Record<string, number>): Condition[][] =>
  Object.values(values).map((equals) => [{ argument, equals }]);

/** Calls that are allowed only with certain arguments: the conditions of one alternative must be met. */
const CONDITIONAL: Partial<Record<CallName, Condition[][]>> = {
  // Threads. What starts a process has no CLONE_THREAD; the C library's fork and vfork are clone.
  clone: [
    [
      { argument: 0, hasBits: CLONE_THREAD },
      { argument: 0, lacksBits: CLONE_NEW },
    ],
  ],
  // Streams and datagrams (and raw sockets, for the list of network interfaces) of the family's usual protocol, 0: no SCTP, no DCCP.
  socket: Object.values(AF).map((family) => [
    { argument: 0, equals: family },
    { argument: 1, lacksBits: OTHER_TYPES },
    { argument: 2, equals: 0 },
  ]),
  prctl: is(0, PR),
  ioctl: is(1, IOCTL),
  fcntl: is(1, FCNTL),
  // Only its own limits.
  prlimit64: is(0, { itself: 0 }),
};

/** Allowed whatever the arguments. The most frequent ones come first. */
// cspell:disable: names of system calls.
const ALLOWED = `
  read write writev epoll_pwait epoll_wait epoll_ctl futex recvmsg sendmsg sendmmsg recvmmsg sendto recvfrom readv madvise mprotect
  close connect getsockname getpeername getsockopt setsockopt shutdown bind
  mmap munmap mremap brk pkey_alloc pkey_free pkey_mprotect
  openat open lseek pread64 pwrite64 fstat newfstatat statx stat lstat access faccessat faccessat2 readlink readlinkat getdents64 getcwd
  statfs fstatfs fadvise64 epoll_create1 pipe2 eventfd2 dup dup2 dup3 close_range poll ppoll select pselect6
  clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time getrandom
  rt_sigaction rt_sigprocmask rt_sigreturn rt_sigtimedwait sigaltstack restart_syscall tgkill
  sched_yield sched_getaffinity sched_getparam sched_getscheduler
  set_robust_list get_robust_list set_tid_address rseq membarrier arch_prctl
  getpid gettid getppid getuid geteuid getgid getegid getgroups getresuid getresgid setuid setgid setgroups
  uname sysinfo getrusage times getrlimit setrlimit capget umask
  execve wait4 exit exit_group
`
  .trim()
  .split(/\s+/) as CallName[];

/**
 * Node makes sure that the folder of its compile cache exists by creating it, and does without a cache if that is refused. What it is told
 * leads to a look at the folder instead. Nothing is ever created.
 */
const NEVER_CREATED: CallName[] = ["mkdir", "mkdirat"];
// cspell:enable

/** The program as instructions, for tests. */
export function filterProgram(architecture: Architecture): Instruction[] {
  const numbers = NUMBERS[architecture];
  const rules: Partial<Record<CallName, Condition[][]>> = {
    ...Object.fromEntries(ALLOWED.map((name) => [name, [[]]])),
    ...CONDITIONAL,
  };
  return programFor(architecture, [
    ...Object.entries(rules).flatMap(([name, alternatives]) => {
      const number = numbers[name as CallName];
      return number === undefined ? [] : decide(number, alternatives);
    }),
    ...NEVER_CREATED.flatMap((name) => {
      const number = numbers[name];
      return number === undefined ? [] : [test(OP.equal, number, 0, 1), give(VERDICT.exists)];
    }),
    // Among them is clone3, whose flags a filter cannot see; the C library then takes clone.
    test(OP.atLeast, YOUNG_CALLS, 0, 1),
    give(VERDICT.missing),
    give(VERDICT.refuse),
  ]);
}

/**
 * The filter for this computer; null if the kernel has no seccomp filters, or the architecture is unknown.
 *
 * `execve` stays allowed, because the filter is in force before the program starts: a jail with this filter must contain
 * no other program.
 */
export function seccompFilter(architecture: string = process.arch, available?: boolean): Buffer | null {
  return assembled(filterProgram, architecture, available);
}
