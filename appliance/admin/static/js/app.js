// Small manners for server-rendered pages; each file does one thing, and every page works without them.
import "./copying.js";
import "./editor.js";
import "./forms.js";
import "./live.js";
import "./menus.js";
import "./pictures.js";
import "./queue.js";
import "./screens.js";
import "./session.js";
import "./times.js";
import "./toasts.js";
