// Starts reveal.js, and sees to it that nothing overflows: a slide that does not fit in this machine's fonts is set smaller, by
// a quarter at most; what is still too long then can be scrolled, by the keyboard too.
const SMALLEST = 0.75;

function overflows(page) {
  return page.scrollHeight > page.clientHeight + 1 || page.scrollWidth > page.clientWidth + 1;
}

function fit(slide) {
  const page = slide && slide.querySelector(".page");
  if (!page) return;
  page.classList.remove("scrolls");
  for (let scale = 1; ; scale = Math.round((scale - 0.05) * 100) / 100) {
    page.style.setProperty("--fit", scale);
    if (!overflows(page)) break;
    if (scale <= SMALLEST) {
      page.classList.add("scrolls");
      break;
    }
  }
  if (page.classList.contains("scrolls")) {
    page.tabIndex = 0;
    page.setAttribute("role", "region");
    page.setAttribute("aria-label", "Slide, to be scrolled");
  } else {
    page.removeAttribute("tabindex");
    page.removeAttribute("role");
    page.removeAttribute("aria-label");
  }
}

Reveal.initialize({
  width: 1280,
  height: 720,
  margin: 0,
  center: false,
  hash: true,
  slideNumber: "c/t",
  transition: "none",
  backgroundTransition: "none",
  controlsTutorial: false,
  scrollActivationWidth: null,
  pdfSeparateFragments: false,
  defaultTiming: 60, // without it the speaker's window keeps no pace; each slide has seconds of its own
  plugins: [RevealNotes],
});
Reveal.on("ready", (event) => fit(event.currentSlide));
Reveal.on("slidechanged", (event) => fit(event.currentSlide));
