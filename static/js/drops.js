// Files dropped on a zone. The page itself takes none, so that a miss doesn't open the file instead of the form.

const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");

export function dropsOn(root, zoneOf, take) {
  let over = null;
  const mark = (zone) => {
    if (zone === over) return;
    over?.classList.remove("is-over");
    zone?.classList.add("is-over");
    over = zone;
  };
  document.addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    mark(zoneOf(event.target));
    event.dataTransfer.dropEffect = root.contains(event.target) ? "copy" : "none";
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) mark(null);
  });
  document.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    const zone = zoneOf(event.target);
    mark(null);
    if (root.contains(event.target)) take([...event.dataTransfer.files], zone);
  });
}

/** "portrait", "voice" or "" by what the browser thinks the file is; the server looks for itself. */
export function kindOf(file) {
  if (file.type.startsWith("image/") || /\.(jpe?g|png|webp|gif|avif|heic)$/i.test(file.name)) return "portrait";
  if (/^(audio|video)\//.test(file.type) || /\.(mp3|wav|m4a|aac|og[ga]|opus|flac|webm|mp4|mov|m4v)$/i.test(file.name)) return "voice";
  return "";
}
