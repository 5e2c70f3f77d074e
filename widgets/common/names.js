// ipywidgets names neither a slider's handle nor a field that has only a tooltip: say them aloud.
function nameKnobs(el) {
  const lab = el.closest(".course-lab");
  for (const slider of lab?.querySelectorAll(".widget-slider") ?? []) {
    const words = slider.querySelector("label")?.textContent?.trim();
    if (words) slider.querySelector(".noUi-handle")?.setAttribute("aria-label", words);
  }
  for (const field of lab?.querySelectorAll(".widget-text input") ?? []) {
    const label = field.closest(".widget-text").querySelector("label");
    const words = label?.title || field.closest("[title]")?.title; // 8.1 puts a tooltip on the label
    if (!label?.textContent?.trim() && words) field.setAttribute("aria-label", words);
  }
}
