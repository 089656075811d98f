/**
 * Numbers of the system calls that the filter knows, from the kernel's `asm/unistd.h` of each architecture. 64-bit ARM
 * never had the oldest ones.
 */
// cspell:disable

// biome-ignore format: two tables
const X64 = {
  read: 0, write: 1, close: 3, openat: 257, lseek: 8, fstat: 5, newfstatat: 262, statx: 332, mmap: 9, munmap: 11,
  mprotect: 10, mremap: 25, madvise: 28, brk: 12, futex: 202, epoll_pwait: 281, epoll_wait: 232, epoll_ctl: 233,
  epoll_create1: 291, readv: 19, writev: 20, pread64: 17, pwrite64: 18, sendto: 44, recvfrom: 45, sendmsg: 46,
  recvmsg: 47, sendmmsg: 307, recvmmsg: 299, connect: 42, bind: 49, getsockname: 51, getpeername: 52, getsockopt: 55,
  setsockopt: 54, shutdown: 48, clock_gettime: 228, clock_getres: 229, clock_nanosleep: 230, nanosleep: 35,
  gettimeofday: 96, time: 201, getrandom: 318, rt_sigaction: 13, rt_sigprocmask: 14, rt_sigreturn: 15,
  rt_sigtimedwait: 128, sigaltstack: 131, restart_syscall: 219, sched_yield: 24, sched_getaffinity: 204,
  sched_getparam: 143, sched_getscheduler: 145, set_robust_list: 273, get_robust_list: 274, set_tid_address: 218,
  rseq: 334, membarrier: 324, arch_prctl: 158, pkey_alloc: 330, pkey_free: 331, pkey_mprotect: 329, open: 2, stat: 4,
  lstat: 6, access: 21, faccessat: 269, faccessat2: 439, readlink: 89, readlinkat: 267, getdents64: 217, getcwd: 79,
  statfs: 137, fstatfs: 138, fadvise64: 221, pipe2: 293, eventfd2: 290, dup: 32, dup2: 33, dup3: 292, close_range: 436,
  poll: 7, ppoll: 271, select: 23, pselect6: 270, getpid: 39, gettid: 186, getppid: 110, getuid: 102, geteuid: 107,
  getgid: 104, getegid: 108, getgroups: 115, getresuid: 118, getresgid: 120, setuid: 105, setgid: 106, setgroups: 116,
  uname: 63, sysinfo: 99, getrusage: 98, times: 100, getrlimit: 97, capget: 125, umask: 95, execve: 59, wait4: 61,
  exit: 60, exit_group: 231, clone: 56, clone3: 435, socket: 41, prctl: 157, ioctl: 16, fcntl: 72, prlimit64: 302,
  setrlimit: 160, tgkill: 234, mkdir: 83, mkdirat: 258,
} as const;

// biome-ignore format: two tables
const ARM64: Partial<Record<CallName, number>> = {
  read: 63, write: 64, close: 57, openat: 56, lseek: 62, fstat: 80, newfstatat: 79, statx: 291, mmap: 222, munmap: 215,
  mprotect: 226, mremap: 216, madvise: 233, brk: 214, futex: 98, epoll_pwait: 22, epoll_ctl: 21, epoll_create1: 20,
  readv: 65, writev: 66, pread64: 67, pwrite64: 68, sendto: 206, recvfrom: 207, sendmsg: 211, recvmsg: 212,
  sendmmsg: 269, recvmmsg: 243, connect: 203, bind: 200, getsockname: 204, getpeername: 205, getsockopt: 209,
  setsockopt: 208, shutdown: 210, clock_gettime: 113, clock_getres: 114, clock_nanosleep: 115, nanosleep: 101,
  gettimeofday: 169, getrandom: 278, rt_sigaction: 134, rt_sigprocmask: 135, rt_sigreturn: 139, rt_sigtimedwait: 137,
  sigaltstack: 132, restart_syscall: 128, sched_yield: 124, sched_getaffinity: 123, sched_getparam: 121,
  sched_getscheduler: 120, set_robust_list: 99, get_robust_list: 100, set_tid_address: 96, rseq: 293, membarrier: 283,
  pkey_alloc: 289, pkey_free: 290, pkey_mprotect: 288, faccessat: 48, faccessat2: 439, readlinkat: 78, getdents64: 61,
  getcwd: 17, statfs: 43, fstatfs: 44, fadvise64: 223, pipe2: 59, eventfd2: 19, dup: 23, dup3: 24, close_range: 436,
  ppoll: 73, pselect6: 72, getpid: 172, gettid: 178, getppid: 173, getuid: 174, geteuid: 175, getgid: 176, getegid: 177,
  getgroups: 158, getresuid: 148, getresgid: 150, setuid: 146, setgid: 144, setgroups: 159, uname: 160, sysinfo: 179,
  getrusage: 165, times: 153, getrlimit: 163, capget: 90, umask: 166, execve: 221, wait4: 260, exit: 93, exit_group: 94,
  clone: 220, clone3: 435, socket: 198, prctl: 167, ioctl: 29, fcntl: 25, prlimit64: 261, setrlimit: 164, tgkill: 131, mkdirat: 34,
};

export type CallName = keyof typeof X64;

/** By Node's name of the architecture. */
export const NUMBERS: Record<"x64" | "arm64", Partial<Record<CallName, number>>> = { x64: X64, arm64: ARM64 };
