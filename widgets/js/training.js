// TrainingLab's entry: an anywidget module.
import { render } from "./view.js";

export default { render };
