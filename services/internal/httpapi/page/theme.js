// Light, dark, or as the reader's system is. The choice is kept in the browser.

const names = ["auto", "light", "dark"];

function set(button, name) {
  document.documentElement.dataset.theme = name;
  button.textContent = { auto: "Theme: system", light: "Theme: light", dark: "Theme: dark" }[name];
}

// offerThemes makes a button go through the themes.
export function offerThemes(button) {
  let name = "auto";
  try {
    name = names.includes(localStorage.getItem("theme")) ? localStorage.getItem("theme") : "auto";
  } catch { /* the browser keeps nothing for this page */ }
  set(button, name);
  button.addEventListener("click", () => {
    name = names[(names.indexOf(name) + 1) % names.length];
    set(button, name);
    try { localStorage.setItem("theme", name); } catch { /* as above */ }
  });
}
