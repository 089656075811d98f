/**
 * Restricts a program as a container with Docker's defaults does: no CAP_SYS_ADMIN, and a seccomp filter that rejects
 * namespaces and mounts. Everything it starts is restricted too.
 */
const FILTER = `
sub instruction { pack("SCCL", @_) }
($load, $equal, $any, $return) = (0x20, 0x15, 0x45, 0x06);
($allow, $refuse, $missing) = (0x7fff0000, 0x00050001, 0x00050026);
@program = (
  instruction($load, 0, 0, 0),
  # unshare, setns, mount, pivot_root; clone3, whose flags a filter cannot see, is "not there".
  (map { (instruction($equal, 0, 1, $_), instruction($return, 0, 0, $refuse)) } 272, 308, 165, 155),
  instruction($equal, 0, 1, 435), instruction($return, 0, 0, $missing),
  # clone with any flag CLONE_NEW*
  instruction($equal, 0, 3, 56), instruction($load, 0, 0, 16), instruction($any, 0, 1, 0x7e020000), instruction($return, 0, 0, $refuse),
  instruction($return, 0, 0, $allow),
);
$filter = join("", @program);
$header = pack("Sx6P", scalar @program, $filter);
syscall(157, 38, 1, 0, 0, 0) == 0 or die "no_new_privs: $!" if $> != 0;
syscall(157, 22, 2, $header, 0, 0) == 0 or die "seccomp: $!";
exec { $ARGV[0] } @ARGV or die "$ARGV[0]: $!";
`;

/** Prefix of a command line that runs the rest with these restrictions. */
export function withoutNamespaces(): string[] {
  const drop = process.getuid!() === 0 ? ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"] : [];
  return ["perl", "-e", FILTER, "--", ...drop];
}
