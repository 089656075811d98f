/** The image that sandboxes boot unless they name another root, as clients call it. */
export const BASE_IMAGE = "builtin:debian-13";
