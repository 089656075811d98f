// FOR TESTS ONLY: an app that never serves.
console.log("waiting forever");
setInterval(() => {}, 1_000);
