# ~/.profile: for login shells.

if [ -n "$BASH_VERSION" ] && [ -f "$HOME/.bashrc" ]; then
  . "$HOME/.bashrc"
fi

# A user's own programs come first, once.
for directory in "$HOME/bin" "$HOME/.local/bin"; do
  case ":$PATH:" in
    *":$directory:"*) ;;
    *) if [ -d "$directory" ]; then PATH="$directory:$PATH"; fi ;;
  esac
done
unset directory
