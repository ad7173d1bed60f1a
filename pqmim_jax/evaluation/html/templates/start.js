// Builds the page's parts.

let openCrops = null;
part(buildCurves);
part(() => { openCrops = buildCompare(); });
part(() => buildPictureTable(openCrops));
part(buildBits);
part(() => document.querySelectorAll("main table.sortable").forEach((table) => { if (!table.querySelector("thead button")) makeSortable(table); }));
root.dataset.ready = "true";
