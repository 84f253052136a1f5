// The workbook's tour of JupyterLab: offered when JupyterLab is opened for the first time, and always in the menu Help.
// It is made of JupyterLab's own dialogs, so it takes the focus, is read aloud, and ends with Escape as they do.
const NAME = "flight-delay-workbook";
const COMMAND = `${NAME}:tour`;
const TEXT = {
  label: "Tour of the Workbook",
  offer: "New here? A tour of six stops shows what is where. It takes a minute.",
  start: "Show me",
  decline: "No, thank you",
  skip: "Skip",
  back: "Back",
  next: "Next",
  done: "Done",
  step: (title, number, all) => `${title} (${number} of ${all})`,
};
// point: what the stop is about, if it has a place. run: a command that brings it into view.
const STOPS = [
  {
    title: "Files",
    text:
      "On the left, in notebooks, are the lessons: read and run them in their order, beginning with 00_start_here. " +
      "Your own work is in exercises. By keyboard: Ctrl+Shift+F.",
    point: "#jp-left-stack",
    run: "filebrowser:activate",
  },
  {
    title: "Table of contents",
    text:
      "The list on the left has the headings of the open lesson; choose one to go there. By keyboard: Ctrl+Shift+K. " +
      "The last cell of a lesson leads to the one before and the one after.",
    point: "#jp-left-stack",
    run: "toc:show-panel",
  },
  {
    title: "Run",
    text:
      "Shift+Enter runs a cell and goes on to the next. After a muddle, choose Restart Kernel and Run All Cells in the menu Kernel.",
    point: "#jp-MainMenu",
  },
  {
    title: "Checks",
    text:
      "In an exercise, check says: passed; not yet, and why; or not attempted. hint gives the next of up to three hints. " +
      "solution shows the answer, and notes that you looked.",
  },
  {
    title: "Tools",
    text:
      "The launcher has tiles for MLflow, TensorBoard, the apps and Prometheus. Each opens on what you made yourself, in a new " +
      "tab of the browser. By keyboard: Ctrl+Shift+L, then Tab and Enter.",
    point: "#jp-main-dock-panel",
  },
  {
    title: "Progress",
    text: "The tile Your progress shows every question and how far you are. This tour stays in the menu Help.",
  },
];

let shared;

// One of JupyterLab's own modules, as it shares them with all extensions.
async function need(module) {
  const [version] = Object.values(shared[module]);
  return (await version.get())();
}

function ring(selector) {
  const place = selector && document.querySelector(selector)?.getBoundingClientRect();
  const mark = document.createElement("div");
  if (place) {
    const [left, top] = [Math.max(place.left, 2), Math.max(place.top, 2)];
    const [right, bottom] = [Math.min(place.right, innerWidth - 2), Math.min(place.bottom, innerHeight - 2)];
    mark.style.cssText =
      `position: fixed; left: ${left}px; top: ${top}px; width: ${right - left}px; height: ${bottom - top}px; box-sizing: border-box; ` +
      "border: 3px solid #ff9d2e; border-radius: 4px; pointer-events: none; z-index: 20000";
    document.body.append(mark);
  }
  return mark;
}

async function tour(app) {
  const { Dialog } = await need("@jupyterlab/apputils");
  for (let at = 0; at < STOPS.length; ) {
    const { title, text, point, run } = STOPS[at];
    if (run && app.commands.hasCommand(run)) await app.commands.execute(run);
    const last = at === STOPS.length - 1;
    const buttons = [
      ...(last ? [] : [Dialog.cancelButton({ label: TEXT.skip })]),
      ...(at ? [Dialog.createButton({ label: TEXT.back, actions: ["back"] })] : []),
      Dialog.okButton({ label: last ? TEXT.done : TEXT.next }),
    ];
    const mark = ring(point);
    const options = { title: TEXT.step(title, at + 1, STOPS.length), body: text, buttons, defaultButton: buttons.length - 1 };
    const { button } = await new Dialog(options).launch().finally(() => mark.remove());
    if (button.actions.includes("back")) at -= 1;
    else if (button.accept) at += 1;
    else break;
  }
  if (app.commands.hasCommand("filebrowser:activate")) await app.commands.execute("filebrowser:activate");
}

// Once, remembered by the server: another browser or port is no first start.
async function offer(app) {
  const { Notification } = await need("@jupyterlab/apputils");
  const { ConfigSection } = await need("@jupyterlab/services");
  const known = await ConfigSection.create({ name: NAME.replaceAll("-", "_"), serverSettings: app.serviceManager.serverSettings });
  if (known.data.tour_offered) return;
  await known.update({ tour_offered: true });
  const actions = [
    { label: TEXT.start, displayType: "accent", callback: () => void app.commands.execute(COMMAND) },
    { label: TEXT.decline, callback: () => {} },
  ];
  Notification.emit(TEXT.offer, "info", { autoClose: 30_000, actions });
}

const plugin = {
  id: `${NAME}:plugin`,
  autoStart: true,
  activate: app => {
    app.commands.addCommand(COMMAND, { label: TEXT.label, execute: () => tour(app) });
    void app.restored.then(() => offer(app)); // not awaited: JupyterLab is restored only once all extensions are active
  },
};

// What JupyterLab asks of a prebuilt extension.
(globalThis._JUPYTERLAB ??= {})[NAME] = {
  init: scope => void (shared = scope),
  get: async () => () => ({ __esModule: true, default: plugin }),
};
