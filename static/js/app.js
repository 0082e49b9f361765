import "./themes.js";
import "./menus.js";
import "./dialogs.js";
import "./toasts.js";
import "./clocks.js";
import "./forms.js";
import "./polls.js";
import "./waves.js";
